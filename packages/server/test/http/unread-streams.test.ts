/** Clients that open a stream and read nothing: each costs a bounded amount, is let go, and holds up nobody else. */
import { connect, type Socket } from 'node:net';
import { PORT_WINDOW_BYTES, ROUTES, type RouteId, type RouteShape } from '@berth/contract';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Harness, openHarness, UPGRADE } from './harness.ts';
import { createSandboxStub, type SandboxStub } from './sandbox-stub.ts';

const PACE = { idleMs: 400, graceMs: 800, bytesPerSecond: 4 * 2 ** 20 };
const CLIENTS = 12;
/** What one may hold: 1 MiB of a terminal or of events, and what is on its way. The Unix socket itself holds little. */
const CLIENT_BYTES = 1.5 * 2 ** 20;

let harness: Harness;
let stub: SandboxStub;
let clients: Socket[];
beforeEach(async () => {
  stub = createSandboxStub();
  clients = [];
  const diff = () => stub.access.repositories.diff('', OWNER, '');
  const hub = { until: () => ({ diff }) };
  harness = await openHarness({ sandboxes: stub.access, hub }, [], PACE);
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await harness[Symbol.asyncDispose]();
});

const OWNER = { tokenId: '', name: '', role: 'owner', gone: new AbortController().signal } as const;

const open = (path: string, headers: Readonly<Record<string, string>> = {}): void => {
  const lines = { host: 'localhost', authorization: `Bearer ${harness.ownerToken}`, ...headers };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
  for (let count = 0; count < CLIENTS; count += 1) {
    const client = connect(harness.listening.socketPath);
    client.on('error', () => undefined).pause();
    client.write([`GET ${path} HTTP/1.1`, ...head, '', ''].join('\r\n'));
    clients.push(client);
  }
};

/** What each got at last, when it reads on after it was let go. */
const received = (): Promise<number[]> =>
  Promise.all(
    clients.map(async (client) => {
      client.resume();
      await new Promise((resolve) => client.once('close', resolve));
      return client.bytesRead;
    }),
  );

const holdsStill = async (): Promise<void> => {
  let seen = -1;
  await expect
    .poll(
      () => {
        const [was, is] = [seen, stub.takenBytes()];
        seen = is;
        return is > 0 && was === is;
      },
      { interval: 100, timeout: 5000 },
    )
    .toBe(true);
};

const inSandbox = (path: string) => `/v1/sandboxes/${stub.id}/${path}`;
const LET_GO = { interval: 20, timeout: 10_000 };

/** Every route that answers with more than one JSON document, and what of it is tried. */
const TRIED: Readonly<Record<string, () => Promise<void>>> = {
  'sandbox.readFile': async () => {
    open(inSandbox('files/content?path=a'));
    await expect.poll(() => stub.opened()).toBe(CLIENTS);
    await expect.poll(() => stub.reading(), LET_GO).toBe(0);
    expect(stub.takenBytes()).toBeLessThan(CLIENTS * CLIENT_BYTES);
  },
  'sandbox.logs': async () => {
    open(inSandbox('exec/ex_00000000000000000000'));
    await expect.poll(() => stub.opened()).toBe(CLIENTS);
    await expect.poll(() => stub.reading(), LET_GO).toBe(0);
    expect(stub.takenBytes()).toBeLessThan(CLIENTS * CLIENT_BYTES);
  },
  'sandbox.shell': async () => {
    open(inSandbox('shell'), UPGRADE);
    await expect.poll(() => stub.opened()).toBe(CLIENTS);
    await holdsStill();
    expect(stub.takenBytes()).toBeLessThan(CLIENTS * CLIENT_BYTES);
  },
  'sandbox.connectPort': async () => {
    open(inSandbox('ports/3000'), UPGRADE);
    await expect.poll(() => stub.opened()).toBe(CLIENTS);
    await holdsStill();
    expect(stub.takenBytes()).toBeLessThanOrEqual(CLIENTS * PORT_WINDOW_BYTES * 2);
  },
  'sandbox.gitDiff': async () => {
    open(inSandbox('repositories/app/diff'));
    await expect.poll(() => stub.takenBytes()).toBe(CLIENTS * 2 ** 20);
    await othersAreServed();
    for (const bytes of await received()) expect(bytes).toBeLessThan(2 ** 20);
  },
  'change.diff': async () => {
    const id = `ch_${'0'.repeat(20)}`;
    const parts = [{ repository: 'app', branch: 'b', target: 'main', head: 'c', base: 'x', merge: 'y' }];
    await harness.store.write(async (tx) => {
      await tx.table('tasks').insert({ id: 'tk_1', workspaceId: 'ws_1' } as never);
      await tx.table('changes').insert({ id, taskId: 'tk_1', parts } as never);
    });
    open(`/v1/changes/${id}/diff`);
    await expect.poll(() => stub.takenBytes()).toBe(CLIENTS * 2 ** 20);
    await othersAreServed();
    for (const bytes of await received()) expect(bytes).toBeLessThan(2 ** 20);
  },
  'event.stream': async () => {
    open('/v1/events?type=task.*');
    await expect.poll(async () => (await stats()).eventClients).toBe(CLIENTS);
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < 200; count += 1)
      await harness.store.write((tx) =>
        tx.emit({ type: 'task.created', subject: 'a', data: { title: 'e'.repeat(65_536) } }),
      );
    // 16 MiB of the newest are kept for all, and each holds what it did not take.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan((16 + 2 * CLIENTS) * 2 ** 20);
    await expect.poll(async () => (await stats()).eventClients, LET_GO).toBe(0);
  },
  /** Small, and written at once. */
  'system.metrics': async () => {
    expect((await harness.ask({ path: '/metrics', token: harness.ownerToken })).text.length).toBeLessThan(
      65_536,
    );
  },
};

const stats = async () => (await harness.ask({ path: '/stats', token: harness.ownerToken })).json;

/** While those wait, and until they were let go. */
const othersAreServed = async (): Promise<void> => {
  const until = performance.now() + PACE.graceMs + PACE.idleMs;
  await expect
    .poll(async () => {
      expect((await harness.ask({ path: '/metrics', token: harness.ownerToken })).status).toBe(200);
      return performance.now() > until;
    }, LET_GO)
    .toBe(true);
};

const routes: readonly RouteShape[] = ROUTES;
const streams = routes.flatMap(({ id, answers = 'json' }) => (answers === 'json' ? [] : [id as RouteId]));

it.each(streams)('costs a bounded amount when nobody reads it: %s', async (id) => {
  expect(Object.keys(TRIED)).toContain(id);
  await TRIED[id]?.();
});

it('takes a terminal along with its client, also when nothing that was typed is taken', async () => {
  open(inSandbox('shell'), UPGRADE);
  await expect.poll(() => stub.opened()).toBe(CLIENTS);
  for (const client of clients) {
    client.resume();
    // A frame of 64 KiB (RFC 6455, section 5.2) under a mask of zeros.
    const frame = Buffer.concat([Buffer.from('82ff000000000001000000000000', 'hex'), Buffer.alloc(65_536)]);
    for (let count = 0; count < 32; count += 1) client.write(frame);
  }
  await expect.poll(() => clients.every((client) => client.writableLength > 0)).toBe(true);
  for (const client of clients) client.destroy();
  await expect.poll(() => stub.reading(), LET_GO).toBe(0);
});
