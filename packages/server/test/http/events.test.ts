/** Following events: nothing lost, nothing twice, and a slow reader is told. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Event } from '@berth/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, openHarness, optionsFor } from './harness.ts';

let harness: Harness;
const open: ClientRequest[] = [];
beforeEach(async () => {
  harness = await openHarness();
});
afterEach(async () => {
  for (const one of open.splice(0)) one.destroy();
  await harness[Symbol.asyncDispose]();
});

type Message = Event | { readonly lagged: true; readonly resumeAfter: number };

interface Follower {
  readonly response: IncomingMessage;
  /** What came so far. */
  readonly messages: Message[];
  seqs(): number[];
  leave(): void;
}

const follow = async (path = '/v1/events', headers: Record<string, string> = {}): Promise<Follower> => {
  const outgoing = request(optionsFor(harness.listening, { path, headers, token: harness.ownerToken }));
  open.push(outgoing);
  outgoing.on('error', () => undefined);
  outgoing.end();
  const response = await new Promise<IncomingMessage>((resolve) => outgoing.once('response', resolve));
  const messages: Message[] = [];
  let rest = '';
  response.setEncoding('utf8').on('error', () => undefined);
  response.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) messages.push(JSON.parse(data.slice(6)));
    }
  });
  const seqs = () => messages.filter((one): one is Event => 'seq' in one).map(({ seq }) => seq);
  return { response, messages, seqs, leave: () => outgoing.destroy() };
};

const write = (count: number, title = 'x', subject = 'one') =>
  harness.store.write(async (tx) => {
    for (let index = 0; index < count; index += 1) {
      await tx.emit({ type: 'task.created', subject, data: { title } });
    }
  });

const forgetAllBut = (keep: number) =>
  harness.store.write((tx) => tx.forgetEvents({ before: 0, keep, keepBytes: 1e9, limit: 1000 }));

const lastSeq = () => harness.store.read((tx) => tx.lastSeq());
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const patience = { timeout: 10_000, interval: 5 };

describe('a reader of events', () => {
  it('comes back after 1 000 events while more are written: no gap, no duplicate', async () => {
    const first = await follow('/v1/events?afterSeq=0');
    await write(10);
    await expect.poll(() => first.seqs().length, patience).toBe(await lastSeq());
    const cursor = first.seqs().at(-1) ?? 0;
    first.leave();
    for (let index = 0; index < 100; index += 1) await write(10);
    const writing = (async () => {
      for (let index = 0; index < 200; index += 1) await write(5);
    })();
    const second = await follow('/v1/events', { 'last-event-id': String(cursor) });
    await writing;
    const end = await lastSeq();
    await expect.poll(() => second.seqs().at(-1), patience).toBe(end);
    expect(second.seqs()).toEqual(range(cursor + 1, end));
    await write(1);
    await expect.poll(() => second.seqs().at(-1), patience).toBe(end + 1);
  });

  it('without a cursor hears what comes from now on', async () => {
    await write(5);
    const reader = await follow();
    await expect.poll(async () => clients(), patience).toBe(1);
    const before = await lastSeq();
    await expect
      .poll(async () => {
        await write(1);
        return reader.seqs().length;
      }, patience)
      .toBeGreaterThan(0);
    expect(Math.min(...reader.seqs())).toBeGreaterThan(before);
    expect(reader.response.headers['content-type']).toContain('text/event-stream');
  });

  it('hears only what passes its filter, in the replay and after it', async () => {
    await write(3, 'a', 'mine');
    await write(3, 'a', 'other');
    const reader = await follow('/v1/events?afterSeq=0&subject=mine&type=task.*');
    await expect.poll(() => reader.seqs().length, patience).toBe(3);
    await write(2, 'b', 'other');
    await write(2, 'b', 'mine');
    await expect.poll(() => reader.seqs().length, patience).toBe(5);
    const subjects = reader.messages.map((one) => 'subject' in one && one.subject);
    expect(new Set(subjects)).toEqual(new Set(['mine']));
  });

  it('that takes nothing is told where to read on, and the others are not held up', async () => {
    const slow = await follow();
    const quick = await follow();
    await expect.poll(async () => clients(), patience).toBe(2);
    slow.response.pause();
    const text = 'x'.repeat(50_000);
    const start = await lastSeq();
    await expect
      .poll(async () => {
        await write(10, text);
        return clients();
      }, patience)
      .toBe(1);
    const end = await lastSeq();
    await expect.poll(() => quick.seqs().at(-1), patience).toBe(end);
    slow.response.resume();
    await expect.poll(() => slow.messages.some((one) => 'lagged' in one), patience).toBe(true);
    const word = slow.messages.at(-1);
    expect(word).toEqual({ lagged: true, resumeAfter: slow.seqs().at(-1) });
    const again = await follow('/v1/events', { 'last-event-id': String(slow.seqs().at(-1)) });
    await expect.poll(() => again.seqs().at(-1), patience).toBe(end);
    expect([...slow.seqs(), ...again.seqs()]).toEqual(range(start + 1, end));
  });

  it('that asks for events which are not kept any more is told so, and hears all that are', async () => {
    await write(20);
    const end = await lastSeq();
    const first = end - 6;
    await forgetAllBut(7);
    for (const [path, headers] of [
      ['/v1/events?afterSeq=0', {}],
      ['/v1/events', { 'last-event-id': String(first - 2) }],
    ] as const) {
      const reader = await follow(path, headers);
      await expect.poll(() => reader.messages, patience).toEqual([{ lagged: true, resumeAfter: first - 1 }]);
      await expect.poll(() => reader.response.complete, patience).toBe(true);
    }
    const again = await follow('/v1/events', { 'last-event-id': String(first - 1) });
    await expect.poll(() => again.seqs(), patience).toEqual(range(first, end));
    expect(again.messages.every((one) => 'seq' in one)).toBe(true);
  });

  it('that asks for events which are not there yet is told where the log ends, and does not wait for them in vain', async () => {
    await write(1);
    const end = await lastSeq();
    const reader = await follow('/v1/events', { 'last-event-id': String(end + 1000) });
    await expect.poll(() => reader.messages, patience).toEqual([{ lagged: true, resumeAfter: end }]);
    await expect.poll(() => reader.response.complete, patience).toBe(true);
  });

  it('is refused with a cursor that is no number', async () => {
    const headers = { 'last-event-id': 'x' };
    const reply = await harness.ask({ path: '/v1/events', token: harness.ownerToken, headers });
    expect(reply.json.error.details.issues[0].path).toBe('headers.last-event-id');
  });

  it('is let go when the server stops', async () => {
    const reader = await follow();
    await expect.poll(async () => clients(), patience).toBe(1);
    const ended = new Promise((resolve) => reader.response.once('close', resolve));
    await harness.server.close();
    await ended;
  });

  it('keeps up as one of 200 with 2 000 events', async () => {
    const readers = await Promise.all(Array.from({ length: 200 }, () => follow('/v1/events?type=task.*')));
    await expect.poll(async () => clients(), patience).toBe(200);
    const before = await lastSeq();
    for (let index = 0; index < 200; index += 1) await write(10);
    const end = await lastSeq();
    for (const reader of readers) {
      await expect.poll(() => reader.seqs().at(-1), patience).toBe(end);
      expect(reader.seqs()).toEqual(range(before + 1, end));
    }
  });

  const clients = async () =>
    (await harness.ask({ path: '/stats', token: harness.ownerToken })).json.eventClients;
});

describe('a page of events', () => {
  it('reads after a sequence number up to a limit', async () => {
    await write(5);
    const reply = await harness.ask({
      path: '/v1/events/page?afterSeq=1&limit=2',
      token: harness.ownerToken,
    });
    expect(reply.json.rows.map(({ seq }: Event) => seq)).toEqual([2, 3]);
    expect(reply.json).toMatchObject({ firstSeq: 1, lastSeq: await lastSeq() });
  });

  it('holds as many as one answer may, and the next page goes on', async () => {
    const name = 'x'.repeat(900_000);
    const first = await lastSeq();
    for (let count = 0; count < 45; count += 1)
      await harness.store.write((tx) =>
        tx.emit({ type: 'workspace.created', subject: 'ws_big', data: { name } }),
      );
    const seen: number[] = [];
    for (let pages = 0; seen.length < 45 && pages < 5; pages += 1) {
      const path = `/v1/events/page?subject=ws_big&limit=1000&afterSeq=${seen.at(-1) ?? first}`;
      const { json, text } = await harness.ask({ path, token: harness.ownerToken });
      expect(text.length).toBeLessThan(32 * 2 ** 20);
      seen.push(...json.rows.map(({ seq }: { seq: number }) => seq));
    }
    expect(seen).toEqual(range(first + 1, first + 45));
    await forgetAllBut(1);
  });

  it('says which is the oldest that is kept', async () => {
    await write(10);
    await forgetAllBut(3);
    const { json } = await harness.ask({
      path: '/v1/events/page?afterSeq=0&limit=1',
      token: harness.ownerToken,
    });
    const oldest = (await lastSeq()) - 2;
    expect(json).toMatchObject({ firstSeq: oldest, rows: [{ seq: oldest }] });
  });
});
