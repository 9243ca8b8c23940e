import type { Store } from '@berth/core';
import { createMemoryStore } from '@berth/core/testing';
import { describe, expect, it } from 'vitest';
import { createEventFeed } from '../../src/http/event-feed.ts';
import type { SseClient } from '../../src/http/handler-types.ts';
import { clock, ids } from './harness.ts';

const write = (store: Store, count: number) =>
  store.write(async (tx) => {
    for (let index = 0; index < count; index += 1) {
      await tx.emit({ type: 'task.created', subject: 'x', data: { title: 'x' } });
    }
  });

const published = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const collector = () => {
  const over = new AbortController();
  const seqs: number[] = [];
  const client: SseClient = {
    send: (text) => {
      for (const [, seq] of Buffer.from(text)
        .toString()
        .matchAll(/^id: (\d+)$/gm))
        seqs.push(Number(seq));
    },
    waitingBytes: () => 0,
    drained: async () => undefined,
    signal: over.signal,
    end: () => over.abort(),
  };
  return { client, seqs };
};

describe('a reader that joins while events are published', () => {
  // Published between the moment that its read saw and the end of that read: few are still at hand, many are not.
  it.each([3, 5000])('misses none of %i, and hears none twice', async (meanwhile) => {
    const store = createMemoryStore({ clock, ids });
    let left = 1;
    const slow: Store = {
      ...store,
      read: async (look) => {
        const seen = await store.read(look);
        if (left > 0) {
          left -= 1;
          await write(store, meanwhile);
          await published();
        }
        return seen;
      },
    };
    const feed = createEventFeed(slow);
    await write(store, 5);
    const { client, seqs } = collector();
    const following = feed.follow({}, 0)(client);
    const total = 5 + meanwhile;
    await expect.poll(() => seqs.length).toBe(total);
    await write(store, 2);
    await expect.poll(() => seqs.length).toBe(total + 2);
    expect(seqs).toEqual(Array.from({ length: total + 2 }, (_, index) => index + 1));
    feed.close();
    await following;
    expect(feed.readers()).toBe(0);
  });
});
