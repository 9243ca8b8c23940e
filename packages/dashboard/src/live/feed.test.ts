import { type Event, fail } from '@berth/contract';
import { createClient } from '@berth/sdk';
import { type Call, startScriptedServer } from '@berth/sdk/scripted-server';
import { expect, test } from 'vitest';
import { createFeed } from './feed.ts';

const eventAt = (seq: number): Event => ({
  seq,
  id: `ev_${'1'.repeat(20)}`,
  type: 'task.created',
  version: 1,
  at: 1,
  subject: `tk_${'1'.repeat(20)}`,
  data: {},
});

test('tells what happens from now on, and goes on at its place after the server was away', async () => {
  const asked: unknown[] = [];
  let isAway = false;
  let lastSeq = 7;
  await using server = await startScriptedServer({
    'system.stats': () => ({ lastSeq }),
    'event.stream': ({ input, headers }: Call) => {
      if (isAway) throw fail('store.unavailable', { reason: 'away' });
      asked.push(headers['last-event-id'] ?? input.afterSeq);
      return (async function* () {
        lastSeq += 1;
        yield [String(lastSeq), eventAt(lastSeq)] as const;
        isAway = asked.length === 1;
      })();
    },
  });
  const feed = createFeed({ client: createClient(server), onRefused: () => undefined, retryMs: 10 });
  const seen: number[] = [];
  feed.subscribe(({ seq }) => seen.push(seq));
  const stop = new AbortController();
  const lost = new Promise<void>((resolve) => {
    feed.watchStatus(() => feed.status() === 'lost' && resolve());
  });
  const running = feed.run(stop.signal);
  await lost;
  expect([feed.status(), seen]).toEqual(['lost', [8]]);
  isAway = false;
  await expect.poll(() => seen).toContain(9);
  expect([feed.status(), asked.slice(0, 2)]).toEqual(['live', [7, 8]]);
  stop.abort();
  await running;
});

test('ends, and says so, when the token is refused', async () => {
  await using server = await startScriptedServer({}, { token: 'right' });
  let refusals = 0;
  const feed = createFeed({
    client: createClient({ address: server.address, token: 'wrong' }),
    onRefused: () => {
      refusals += 1;
    },
  });
  await feed.run(new AbortController().signal);
  expect(refusals).toBe(1);
});
