/** What comes out: records and pages, commands and files of a sandbox, terminals, documents, failures, repeated creates. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fail, type Task } from '@berth/contract';
import type { LogFields } from '@berth/core';
import { createLocalSandbox, type LocalSandbox } from '@berth/plugin-api/fakes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logFailure, toBerthError } from '../../src/http/errors.ts';
import type { OpenTerminal } from '../../src/http/handlers/sandbox-shell.ts';
import type { TaskParts } from '../../src/http/handlers/task.ts';
import { createAnswerStore } from '../../src/http/idempotency.ts';
import { clock, type Harness, ids, openHarness, UPGRADE } from './harness.ts';
import { QUEUED_TASK } from './queued-task.ts';

const SANDBOX = `sb_${'0'.repeat(20)}`;
const WORKSPACE = `ws_${'0'.repeat(20)}`;

let harness: Harness;
let folder: string;
let sandbox: LocalSandbox;
const terminals: { sizes: unknown[]; killed: boolean; toClient: PassThrough }[] = [];
const created: Task[] = [];
let release = (): void => undefined;

const openShell = async (_id: string, _caller: unknown, size: unknown): Promise<OpenTerminal> => {
  const stream = new PassThrough();
  const state = { sizes: [size], killed: false, toClient: stream };
  terminals.push(state);
  return {
    stream,
    resize: async (columns, rows) => void state.sizes.push({ columns, rows }),
    kill: async () => {
      state.killed = true;
    },
  };
};

/** Whether the socket took what was written to it, within a time. */
const drainedWithin = (socket: Socket, ms: number): Promise<boolean> =>
  new Promise((resolve) => {
    const drained = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => {
      socket.off('drain', drained);
      resolve(false);
    }, ms);
    socket.once('drain', drained);
  });

const createTask: TaskParts['tasks']['create'] = async ({ prompt, workspaceId }) => {
  if (prompt === 'explode') throw new Error('the password is hunter2');
  if (prompt === 'refuse') throw fail('agent.unknown', { agent: 'x', known: [] });
  if (prompt === 'wait') {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  }
  const task = await harness.store.write((tx) =>
    tx.table('tasks').insert({
      ...QUEUED_TASK,
      id: ids.new('task'),
      workspaceId,
      title: 'A task',
      prompt,
    }),
  );
  created.push(task);
  return task;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-answers-'));
  sandbox = await createLocalSandbox({ folder });
  const refuse = async () => Promise.reject(fail('sandbox.not_running', { id: SANDBOX, state: 'stopped' }));
  const verbs = { check: refuse, cancel: refuse, retry: refuse, prompt: refuse };
  const repositories = { status: refuse, diff: async () => 'diff --git', commit: refuse, push: refuse };
  const open = async () => sandbox;
  harness = await openHarness({
    tasks: { create: createTask, ...verbs },
    sandboxes: { create: refuse, remove: refuse, open, shell: openShell, repositories },
  });
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await sandbox.close();
  await rm(folder, { recursive: true });
});

const get = (path: string) => harness.ask({ path, token: harness.ownerToken });
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  harness.ask({ method: 'POST', path, token: harness.ownerToken, body, headers });
const createTaskBy = (prompt: string, headers: Record<string, string> = {}) =>
  post('/v1/tasks', { workspaceId: WORKSPACE, prompt }, headers);

describe('records', () => {
  it('come in pages, the newest first, without one lost or twice', async () => {
    for (let index = 0; index < 5; index += 1) await createTaskBy(`page ${index}`);
    const all = (await get('/v1/tasks')).json.rows.map((row: Task) => row.id);
    const paged: string[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      const { json } = await get(`/v1/tasks?limit=2${next === '' ? '' : `&after=${next}`}`);
      paged.push(...json.rows.map((row: Task) => row.id));
      next = json.next;
    }
    expect(paged).toEqual(all);
    expect(all).toEqual([...all].sort().reverse());
    expect((await get('/v1/tasks?state=failed')).json.rows).toEqual([]);
    const { status, json } = await get('/v1/tasks?after=nowhere');
    expect([status, json.error.details.issues[0].path]).toEqual([400, 'query.after']);
  });

  it('that are not there are 404 with their noun', async () => {
    const reply = await get(`/v1/tasks/tk_${'0'.repeat(20)}`);
    expect([reply.status, reply.json.error.details.noun]).toEqual([404, 'task']);
  });

  it('of a conversation come in the order of their positions', async () => {
    const sessionId = ids.new('session');
    const turnId = ids.new('turn');
    await harness.store.write(async (tx) => {
      const attemptId = ids.new('attempt');
      const taskId = ids.new('task');
      await tx
        .table('sessions')
        .insert({ id: sessionId, attemptId, taskId, agent: 'scripted', continuity: 'new' });
      for (const position of [2, 0, 1]) {
        const body = { kind: 'notice', text: `${position}` } as const;
        const id = `it_${String(position).padStart(20, '0')}`;
        await tx.table('items').insert({ id, turnId, sessionId, position, body });
      }
    });
    const first = (await get(`/v1/sessions/${sessionId}/items?limit=2`)).json;
    const second = (await get(`/v1/sessions/${sessionId}/items?limit=2&after=${first.next}`)).json;
    const texts = [...first.rows, ...second.rows].map((row: { body: { text: string } }) => row.body.text);
    expect([texts, second.next]).toEqual([['0', '1', '2'], undefined]);
    expect((await get(`/v1/sessions/${sessionId}`)).json.turns).toEqual([]);
  });
});

const ASKED = { caller: 'c', routeId: 'task.create', noun: 'task', status: 201, request: {} } as const;

describe('a create with an Idempotency-Key', () => {
  it('happens once for the same request, and says so again with the same answer', async () => {
    const key = { 'idempotency-key': 'once' };
    const before = created.length;
    const first = await createTaskBy('once', key);
    const second = await createTaskBy('once', key);
    expect([second.status, second.json]).toEqual([201, first.json]);
    expect(created.length - before).toBe(1);
  });

  it('is refused for another request, and is free for another caller', async () => {
    const key = { 'idempotency-key': 'reused' };
    await createTaskBy('one', key);
    const other = await createTaskBy('two', key);
    expect([other.status, other.json.error.code]).toEqual([409, 'request.key_reused']);
    const token = await harness.tokenOf('operator');
    const body = { workspaceId: WORKSPACE, prompt: 'two' };
    expect((await harness.ask({ method: 'POST', path: '/v1/tasks', token, body, headers: key })).status).toBe(
      201,
    );
  });

  it('waits for the one that is at work', async () => {
    const before = created.length;
    const key = { 'idempotency-key': 'together' };
    const both = [createTaskBy('wait', key), createTaskBy('wait', key)];
    await expect
      .poll(async () => {
        release();
        return created.length;
      })
      .toBe(before + 1);
    const [first, second] = await Promise.all(both);
    expect(second?.json).toEqual(first?.json);
    expect(created.length).toBe(before + 1);
  });

  it('can be tried again after a failure', async () => {
    const key = { 'idempotency-key': 'failing' };
    expect((await createTaskBy('refuse', key)).status).toBe(400);
    expect((await createTaskBy('good now', key)).status).toBe(201);
  });

  it('is refused when the key is no key', async () => {
    for (const bad of ['with space', 'x'.repeat(201)]) {
      const reply = await createTaskBy('x', { 'idempotency-key': bad });
      expect(reply.json.error.details.issues[0].path).toBe('headers.idempotency-key');
    }
  });

  it('gets the same id again when the server died before the answer was kept', async () => {
    const asked = { ...ASKED, key: 'crash' };
    const made: string[] = [];
    const book = createAnswerStore(harness.store, clock, ids);
    const died = book.once(asked, async (id) => {
      made.push(id);
      throw new Error('killed');
    });
    await expect(died).rejects.toThrow('killed');
    const next = createAnswerStore(harness.store, clock, ids);
    expect(await next.once(asked, async (id) => ({ id }))).toEqual({ id: made[0] });
    expect(made[0]).toMatch(/^tk_/);
    const other = next.once({ ...asked, request: { prompt: 'other' } }, async () => 1);
    await expect(other).rejects.toMatchObject({ code: 'request.key_reused' });
  });

  it('is forgotten after a day', async () => {
    let now = Date.now();
    const book = createAnswerStore(harness.store, { ...clock, now: () => now }, ids);
    const asked = { ...ASKED, key: 'k' };
    const give = (answer: number) => book.once(asked, async () => answer);
    expect([await give(1), await give(2)]).toEqual([1, 1]);
    now += 86_500_000;
    await book.prune();
    expect(await harness.store.read((tx) => tx.table('answeredRequests').count())).toBe(0);
    expect(await give(3)).toBe(3);
  });
});

describe('a sandbox', () => {
  const at = `/v1/sandboxes/${SANDBOX}`;

  it('runs a command; its failure is a result', async () => {
    const reply = await post(`${at}/exec`, { argv: ['sh', '-c', 'cat; exit 3'], stdin: 'hello' });
    expect(reply.json).toMatchObject({ exitCode: 3, stdout: 'hello', stderr: '', truncated: false });
    const neither = await post(`${at}/exec`, {});
    const both = await post(`${at}/exec`, { argv: ['true'], shell: 'true' });
    for (const { json } of [neither, both]) expect(json.error.details.issues[0].path).toBe('body.argv');
  });

  it('runs one in the background and lets its output be followed from a cursor', async () => {
    const { json } = await post(`${at}/exec`, { shell: 'printf äöü; printf no >&2', background: true });
    const logs = (query: string) => get(`${at}/exec/${json.execId}${query}`);
    const all = partsOf((await logs('')).text);
    expect(textOf(all, 'stdout')).toBe('äöü');
    expect(textOf(all, 'stderr')).toBe('no');
    expect(all.at(-1)).toMatchObject({ kind: 'exit', exitCode: 0 });
    expect(textOf(partsOf((await logs('?stdoutCursor=2&stderrCursor=2')).text), 'stdout')).toBe('öü');
    expect((await post(`${at}/exec/${json.execId}/signal`, { signal: 'SIGTERM' })).status).toBe(200);
    const unknown = await get(`${at}/exec/ex_${'0'.repeat(20)}`);
    expect([unknown.status, unknown.json.error.code]).toEqual([404, 'exec.missing']);
  });

  it('takes and gives files byte by byte, and limits their size', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    const path = `${at}/files/content?path=deep/data.bin`;
    const put = (body: Buffer | string, headers: Record<string, string> = {}) =>
      harness.ask({
        method: 'PUT',
        path,
        token: harness.ownerToken,
        body,
        headers: { 'content-type': 'application/octet-stream', ...headers },
      });
    expect((await put(bytes)).json).toEqual({ sizeBytes: 70_000 });
    const read = await get(path);
    expect(read.headers['content-type']).toBe('application/octet-stream');
    const headers = { authorization: `Bearer ${harness.ownerToken}` };
    const whole = await (await fetch(`${harness.listening.address}${path}`, { headers })).arrayBuffer();
    expect(Buffer.compare(Buffer.from(whole), bytes)).toBe(0);
    expect((await get(`${at}/files?path=deep`)).json.entries).toMatchObject([
      { name: 'data.bin', sizeBytes: 70_000 },
    ]);
    expect((await put('{}', { 'content-type': 'application/json' })).status).toBe(400);
    expect((await put(Buffer.alloc(64 * 2 ** 20 + 1))).json.error.code).toBe('request.too_large');
    await post(`${at}/files/rename`, { from: 'deep/data.bin', to: 'deep/moved.bin' });
    await post(`${at}/files/folders`, { path: 'made' });
    const gone = await harness.ask({
      method: 'DELETE',
      path: `${at}/files?path=deep/moved.bin`,
      token: harness.ownerToken,
    });
    expect(gone.status).toBe(200);
    expect((await get(path)).json.error.code).toBe('file.missing');
  });

  it('answers text as text', async () => {
    const reply = await get(`${at}/repositories/repo/diff`);
    expect([reply.text, reply.headers['content-type']]).toEqual(['diff --git', 'text/plain; charset=utf-8']);
  });

  it('tells a conflict as one', async () => {
    const reply = await post(`${at}/repositories/repo/push`, {});
    expect([reply.status, reply.json.error.code]).toEqual([409, 'sandbox.not_running']);
  });
});

describe('a terminal', () => {
  const path = `/v1/sandboxes/${SANDBOX}/shell?columns=100`;
  const connect = () => {
    const socket = new WebSocket(`${harness.listening.address}${path}`, [
      'berth',
      `berth.token.${harness.ownerToken}`,
    ]);
    socket.binaryType = 'arraybuffer';
    return socket;
  };
  const next = <T extends Event>(socket: WebSocket, type: string) =>
    new Promise<T>((resolve) =>
      socket.addEventListener(type, (event) => resolve(event as T), { once: true }),
    );

  it('carries bytes and sizes, and is gone when its client leaves', async () => {
    const socket = connect();
    const echoed = next<MessageEvent<ArrayBuffer>>(socket, 'message');
    await next(socket, 'open');
    expect(socket.protocol).toBe('berth');
    socket.send(JSON.stringify({ columns: 80, rows: 30 }));
    socket.send(Buffer.from('ls\n'));
    expect(Buffer.from((await echoed).data).toString()).toBe('ls\n');
    const terminal = terminals.at(-1);
    expect(terminal?.sizes).toEqual([
      { columns: 100, rows: 24 },
      { columns: 80, rows: 30 },
    ]);
    socket.close();
    await expect.poll(() => terminal?.killed).toBe(true);
  });

  it('takes no more from its client than what is inside takes, and gives no more than the client takes', async () => {
    const { port } = new URL(harness.listening.address);
    const client = connectTcp(Number(port), '127.0.0.1');
    const fields = Object.entries({
      ...UPGRADE,
      host: 'localhost',
      authorization: `Bearer ${harness.ownerToken}`,
    });
    client.write(`GET ${path} HTTP/1.1\r\n${fields.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n`);
    await new Promise((resolve) => client.once('data', resolve));
    const terminal = terminals.at(-1);
    // The terminal takes nothing: its echo is not read either, as the client reads nothing from now on.
    client.pause();
    // A binary frame of 64 KiB: final, masked with zeros.
    const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    const frame = Buffer.concat([head, Buffer.alloc(65_536, 'x')]);
    let sentBytes = 0;
    const before = process.memoryUsage().arrayBuffers;
    for (let idle = 0; idle < 10 && sentBytes < 256 * 2 ** 20; ) {
      const isTaken = client.write(frame);
      sentBytes += frame.length;
      if (isTaken || (await drainedWithin(client, 50))) idle = 0;
      else idle += 1;
    }
    // What the kernel, the server and the terminal hold altogether.
    expect(sentBytes).toBeLessThan(48 * 2 ** 20);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 2 ** 20);
    client.destroy();
    await expect.poll(() => terminal?.killed).toBe(true);
  });

  it('closes on a frame that is no size', async () => {
    const socket = connect();
    await next(socket, 'open');
    socket.send('nonsense');
    expect((await next<CloseEvent>(socket, 'close')).code).toBe(1011);
    await expect.poll(() => terminals.at(-1)?.killed).toBe(true);
  });

  it('takes the token from the header or from a protocol, and from nowhere else', async () => {
    const ask = (token: string | undefined, headers: Record<string, string> = {}) =>
      harness.upgrade({ path, token, headers });
    const protocol = { 'sec-websocket-protocol': `berth.token.${harness.ownerToken}` };
    expect(await ask(harness.ownerToken)).toBe(101);
    expect(await ask(undefined, protocol)).toBe(101);
    expect(await ask(undefined)).toBe(401);
    expect(await harness.upgrade({ path: `${path}&token=${harness.ownerToken}` })).toBe(401);
    expect(await ask(await harness.tokenOf('viewer'))).toBe(403);
    expect(await ask(undefined, { ...protocol, origin: 'http://evil.example' })).toBe(403);
    expect(await ask(undefined, { ...protocol, host: 'evil.example' })).toBe(403);
    await expect.poll(() => terminals.every(({ killed }) => killed)).toBe(true);
  });

  it('opens through the Unix socket too', async () => {
    expect(await harness.upgrade({ path, token: harness.ownerToken, viaSocket: true })).toBe(101);
    expect(await harness.upgrade({ path, viaSocket: true })).toBe(401);
  });
});

describe('a failure of ours', () => {
  it('tells the client a reference and the log the cause', async () => {
    const reply = await createTaskBy('explode');
    expect([reply.status, reply.json.error.code]).toEqual([500, 'server.failed']);
    expect(reply.text).not.toMatch(/hunter2|at .*\.ts/);
    const lines: LogFields[] = [];
    const note = (_: string, fields: LogFields) => void lines.push(fields);
    const log = { debug: note, info: note, warn: note, error: note };
    const cause = new Error('outer', { cause: new Error('inner') });
    logFailure(log, 'task.create', toBerthError(cause, 'ref-1'), 'ref-1');
    expect(lines[0]).toMatchObject({ reference: 'ref-1', code: 'server.failed' });
    expect(JSON.stringify(lines[0]?.causes)).toMatch(/outer.*inner/);
  });
});

describe('the server itself', () => {
  it('says how it is without a token', async () => {
    const ask = (path: string) => harness.ask({ path });
    expect((await ask('/health')).json).toMatchObject({
      status: 'ok',
      version: '0.0.0',
      address: harness.listening.address,
      defaultDriver: 'memory',
      sandboxes: 0,
    });
    expect((await ask('/health/live')).json).toEqual({ live: true });
    expect((await ask('/health/ready')).json.ready).toBe(true);
  });

  it('counts what the store holds', async () => {
    const { json } = await get('/stats');
    const tasks = await harness.store.read((tx) => tx.table('tasks').countBy('state'));
    expect(json.tasks).toEqual(tasks);
    const { text } = await get('/metrics');
    expect(text).toContain(`berth_tasks{state="queued"} ${tasks.queued}`);
    expect(text).toMatch(/berth_http_request_seconds_count\{route="task.create",status="201"\} \d+/);
  });

  it('is not ready when the store is not', async () => {
    const own = await openHarness();
    await own.store.close();
    const reply = await own.ask({ path: '/health/ready' });
    expect([reply.status, reply.json.error.code]).toEqual([503, 'server.not_ready']);
    expect((await own.ask({ path: '/health/live' })).status).toBe(200);
    await own[Symbol.asyncDispose]();
  });

  it('describes itself: OpenAPI, and a page that needs nothing from elsewhere', async () => {
    const { json } = await harness.ask({ path: '/openapi.json' });
    expect(json.paths['/v1/sandboxes/{id}/exec'].post.operationId).toBe('sandbox.exec');
    const page = await harness.ask({ path: '/docs' });
    expect(page.headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'sha256-/);
    expect(page.text).not.toMatch(/<(link|img|iframe)|src=|https?:\/\/(?!127)/);
    for (const id of ['sandbox.create', 'record.missing', 'task.created'])
      expect(page.text).toContain(`id="${id}"`);
  });
});

type Part = { kind: string; stream?: string; text?: string };

const partsOf = (text: string): Part[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));

const textOf = (parts: Part[], stream: string): string =>
  parts
    .filter((part) => part.stream === stream)
    .map((part) => part.text)
    .join('');
