import { PassThrough } from 'node:stream';
import type { Event } from '@berth/contract';
import type { Store } from '@berth/core';
import { expect, test } from 'vitest';
import { createGrantWatch } from './grant-watch.ts';

const stream = () => new PassThrough().on('error', () => undefined);

const scene = () => {
  const listeners = new Set<Parameters<Store['notices']['subscribe']>[0]>();
  const rights = { token: true, egress: true };
  const standing = createGrantWatch({
    store: {
      notices: {
        subscribe: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    },
    book: {
      isGranted: async () => rights.token,
      ruleOf: async () => (rights.egress ? { policy: { preset: 'none' }, during: 'work' } : undefined),
    },
    log: () => undefined,
  });
  const tell = async (type: string, subject: string) => {
    for (const listener of listeners) listener({ events: [{ type, subject } as Event], topics: new Set() });
    await new Promise(setImmediate);
  };
  return { standing, rights, tell, listeners };
};

test('what was asked with a token ends with the attempt, connections to the outside with the sandbox', async () => {
  const { standing, rights, tell } = scene();
  const [asked, tunnel, other] = [stream(), stream(), stream()];
  standing.hold('sb_1', 'token', asked);
  standing.hold('sb_1', 'egress', tunnel);
  await tell('attempt.progressed', 'at_1');
  expect([asked.destroyed, tunnel.destroyed]).toEqual([false, false]);
  rights.token = false;
  await tell('attempt.completed', 'at_1');
  expect([asked.destroyed, tunnel.destroyed]).toEqual([true, false]);
  rights.egress = false;
  standing.hold('sb_2', 'egress', other);
  await tell('sandbox.removal_asked', 'sb_1');
  expect([tunnel.destroyed, other.destroyed]).toEqual([true, false]);
});

test('a stream that begins after its right has gone ends at once; one that has ended is forgotten', async () => {
  const { standing, rights, tell, listeners } = scene();
  const ended = stream();
  standing.hold('sb_1', 'token', ended);
  ended.destroy();
  await tell('task.created', 'tk_1');
  rights.token = false;
  const late = stream();
  standing.hold('sb_1', 'token', late);
  standing.review('sb_1');
  await tell('task.created', 'tk_1');
  expect(late.destroyed).toBe(true);
  standing.close();
  expect(listeners.size).toBe(0);
});
