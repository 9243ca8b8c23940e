import { type Event, fail, ROUTES, type RouteShape } from '@berth/contract';
import { describe, expect, test } from 'vitest';
import { startScriptedServer } from '../testing/scripted-server.ts';
import { createClient } from './client.ts';
import { CALL_LIMITS } from './silence.ts';
import { followStream } from './stream.ts';

const event = (seq: number, fields: Partial<Event> = {}): [string, Event] => [
  String(seq),
  {
    seq,
    id: `ev_${'0'.repeat(20)}`,
    type: 'task.created',
    version: 1,
    at: 1,
    subject: 'x',
    data: {},
    ...fields,
  },
];

const take = async <T>(stream: AsyncIterable<T>, count: number): Promise<T[]> => {
  const taken: T[] = [];
  for await (const message of stream) if (taken.push(message) === count) break;
  return taken;
};

describe('a stream of events', () => {
  test('goes on after the last event when the connection is cut, and where the server says when it lagged', async () => {
    const opened: unknown[] = [];
    await using server = await startScriptedServer({
      'event.stream': async function* ({ headers }) {
        opened.push(headers['last-event-id']);
        if (opened.length === 1) yield* [event(1), event(2)];
        else if (opened.length === 2)
          yield* [event(3), ['3', { lagged: true, resumeAfter: 3 }] as const, event(9)];
        else yield* [event(4), event(5)];
      },
    });
    const client = createClient({ address: server.address });
    const events = await take(client.events.stream(), 5);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(opened.slice(0, 3)).toEqual([undefined, '2', '3']);
  });

  test('is refused at once when it cannot be opened', async () => {
    const client = createClient({ address: 'http://127.0.0.1:1' });
    await expect(take(client.events.stream(), 1)).rejects.toMatchObject({ code: 'server.unreachable' });
    await using server = await startScriptedServer({});
    await expect(take(createClient(server).events.stream(), 1)).rejects.toMatchObject({
      code: 'request.unknown_route',
    });
  });

  test('ends with the failure that the server tells in it', async () => {
    const told = `event: error\ndata: ${JSON.stringify({ error: fail('store.unavailable', { reason: 'x' }).body })}\n\n`;
    const client = createClient({ address: 'http://127.0.0.1:1', fetch: async () => new Response(told) });
    await expect(take(client.events.stream(), 1)).rejects.toMatchObject({ code: 'store.unavailable' });
  });

  test('is opened again when it falls silent', async () => {
    let opened = 0;
    await using server = await startScriptedServer({
      'event.stream': async function* () {
        opened += 1;
        yield event(opened);
        await new Promise(() => undefined);
      },
    });
    const route = ROUTES.find(({ id }) => id === 'event.stream') as RouteShape;
    const connection = { fetch, address: server.address, token: undefined, limits: CALL_LIMITS };
    const events = await take(followStream({ connection, route, input: {}, silenceMs: 100 }), 2);
    expect(events).toMatchObject([{ seq: 1 }, { seq: 2 }]);
  });

  test('ends when the server takes every new connection and says nothing in any', async () => {
    let opened = 0;
    await using server = await startScriptedServer({
      'event.stream': async function* () {
        opened += 1;
        if (opened === 1) yield event(1);
        await new Promise(() => undefined);
      },
    });
    const route = ROUTES.find(({ id }) => id === 'event.stream') as RouteShape;
    const connection = { fetch, address: server.address, token: undefined, limits: CALL_LIMITS };
    const order = { connection, route, input: {}, silenceMs: 50, giveUpMs: 100 };
    await expect(take(followStream(order), 2)).rejects.toMatchObject({ code: 'server.silent' });
  });

  test('ends with the reason of the caller', async () => {
    await using server = await startScriptedServer({
      'event.stream': async function* () {
        yield event(1);
        await new Promise(() => undefined);
      },
    });
    const stop = new AbortController();
    const why = new Error('enough');
    const reading = (async () => {
      for await (const _ of createClient(server).events.stream({}, { signal: stop.signal })) stop.abort(why);
    })();
    await expect(reading).rejects.toBe(why);
  });
});

describe('the output of a command', () => {
  test('is read on from the byte after the last one, and ends with the exit', async () => {
    const cursors: unknown[] = [];
    await using server = await startScriptedServer({
      'sandbox.logs': async function* ({ input }) {
        cursors.push([input.stdoutCursor, input.stderrCursor]);
        if (cursors.length === 1) yield ['0', { kind: 'output', stream: 'stdout', cursor: 0, text: 'grün' }];
        else yield ['0', { kind: 'exit', exitCode: 0, timedOut: false, outOfMemory: false }];
      },
    });
    const input = { id: `sb_${'0'.repeat(20)}`, execId: `ex_${'0'.repeat(20)}` };
    const parts = await take(createClient(server).sandboxes.logs(input), 10);
    expect(parts.map(({ kind }) => kind)).toEqual(['output', 'exit']);
    expect(cursors).toEqual([
      [undefined, undefined],
      [5, undefined],
    ]);
  });
});
