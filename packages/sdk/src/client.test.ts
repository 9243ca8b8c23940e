import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, PLURALS, ROUTES, type Task } from '@berth/contract';
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest';
import { startScriptedServer } from '../testing/scripted-server.ts';
import { createClient } from './node.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-sdk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const workspaceId = `ws_${'0'.repeat(20)}`;
const sandboxId = `sb_${'0'.repeat(20)}`;
const taskId = `tk_${'0'.repeat(20)}`;

describe('a client', () => {
  test('has a method for every route', () => {
    const client = createClient({ address: 'http://127.0.0.1:1' }) as unknown as Record<string, object>;
    const missing = ROUTES.filter(({ id }) => {
      const [noun = '', verb = ''] = id.split('.');
      return !(verb in (client[PLURALS[noun as keyof typeof PLURALS]] ?? {}));
    });
    expect(missing).toEqual([]);
  });

  test('is typed by the contract', () => {
    const client = createClient({ address: 'http://127.0.0.1:1' });
    expectTypeOf(client.tasks.get).returns.resolves.toEqualTypeOf<Task>();
    expectTypeOf(client.tasks.create).parameter(0).toHaveProperty('prompt').toEqualTypeOf<string>();
    expectTypeOf(client.sandboxes.readFile).returns.resolves.toEqualTypeOf<Uint8Array>();
    expectTypeOf(client.changes.diff).returns.resolves.toEqualTypeOf<string>();
    // @ts-expect-error an id is needed
    expectTypeOf(client.tasks.get).toBeCallableWith({});
    expectTypeOf(client.tasks.list).toBeCallableWith();
  });

  test('spreads one flat input over path, query and body, and sends the token and the key', async () => {
    await using server = await startScriptedServer(
      {
        'task.create': ({ input }) => input,
        'task.list': ({ input }) => input,
        'task.cancel': ({ input }) => input,
      },
      { token: 'secret' },
    );
    const client = createClient({ address: server.address, token: 'secret' });
    await client.tasks.create({ workspaceId, prompt: 'fix' }, { idempotencyKey: 'k1' });
    await client.tasks.list({ state: 'queued', limit: 3 });
    await client.tasks.cancel({ id: taskId, reason: 'enough' });
    expect(server.calls.map(({ route, input }) => [route, input])).toEqual([
      ['task.create', { workspaceId, prompt: 'fix' }],
      ['task.list', { state: 'queued', limit: 3 }],
      ['task.cancel', { id: taskId, reason: 'enough' }],
    ]);
    expect(server.calls[0]?.headers['idempotency-key']).toBe('k1');
    await expect(createClient({ address: server.address }).tasks.list()).rejects.toMatchObject({
      code: 'auth.required',
      kind: 'unauthenticated',
    });
  });

  test('rejects with the code, details and hint of the server', async () => {
    await using server = await startScriptedServer({
      'task.get': () => {
        throw fail('record.missing', { noun: 'task', id: taskId });
      },
    });
    const client = createClient({ address: server.address });
    await expect(client.tasks.get({ id: taskId })).rejects.toMatchObject({
      code: 'record.missing',
      kind: 'missing',
      details: { noun: 'task', id: taskId },
    });
    await expect(client.tasks.get({ id: 'nonsense' })).rejects.toMatchObject({ code: 'request.invalid' });
    const unknownKey = { colour: 'red' } as object;
    await expect(client.tasks.list(unknownKey)).rejects.toMatchObject({ code: 'request.invalid' });
  });

  test('makes an error of answers that are none of the server', async () => {
    const answer = (status: number, body: string) =>
      createClient({
        address: 'http://127.0.0.1:1',
        fetch: async () => new Response(body, { status }),
      }).system.live();
    const foreign = {
      code: 'server.foreign',
      kind: 'unavailable',
      message: expect.not.stringContaining('<'),
    };
    for (const [status, body] of [
      [503, '<html>'],
      [404, '<html>'],
      [418, '{}'],
      [200, '<html>'],
    ] as const)
      await expect(answer(status, body), String(status)).rejects.toMatchObject(foreign);
    const newer = JSON.stringify({ error: { code: 'arena.closed', message: 'Closed.' } });
    await expect(answer(410, newer)).rejects.toMatchObject({
      code: 'arena.closed',
      kind: 'gone',
      hint: undefined,
    });
  });

  test('says when no server answers, and aborts with the reason of the caller', async () => {
    await using server = await startScriptedServer({ 'system.live': () => new Promise(() => undefined) });
    const gone = createClient({ address: 'http://127.0.0.1:1' });
    await expect(gone.system.live()).rejects.toMatchObject({ code: 'server.unreachable' });
    const stop = new AbortController();
    const waiting = createClient({ address: server.address }).system.live({}, { signal: stop.signal });
    const why = new Error('the user went away');
    stop.abort(why);
    await expect(waiting).rejects.toBe(why);
  });

  test('carries bytes and text unchanged, over a Unix socket too', async () => {
    const files = new Map<string, Buffer>();
    await using server = await startScriptedServer(
      {
        'sandbox.writeFile': ({ input, bytes }) => {
          files.set(String(input.path), bytes);
          return { sizeBytes: bytes.length };
        },
        'sandbox.readFile': ({ input }) => files.get(String(input.path)),
        'change.diff': () => 'diff --git a b',
      },
      { socketPath: join(folder, 'berth.sock') },
    );
    const client = createClient({ address: server.address });
    const bytes = new Uint8Array([0, 255, 10, 13]);
    expect(await client.sandboxes.writeFile({ id: sandboxId, path: 'ä b.bin', bytes })).toEqual({
      sizeBytes: 4,
    });
    expect(await client.sandboxes.readFile({ id: sandboxId, path: 'ä b.bin' })).toEqual(bytes);
    expect(await client.changes.diff({ id: `ch_${'0'.repeat(20)}` })).toBe('diff --git a b');
    await expect(
      createClient({ address: `unix:${join(folder, 'none.sock')}` }).system.live(),
    ).rejects.toMatchObject({
      code: 'server.unreachable',
    });
  });

  test('offers the token of a terminal as a subprotocol', () => {
    const client = createClient({ address: 'unix:/nowhere/berth.sock' });
    expect(() => client.sandboxes.shell({ id: sandboxId })).toThrow(/http address/);
  });
});
