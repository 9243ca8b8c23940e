/** A real HTTP server over a store in memory, with services that only note what they were asked for. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, type Role } from '@berth/contract';
import { type Clock, createIds, type Store, silentLog } from '@berth/core';
import { createMemoryStore } from '@berth/core/testing';
import type { Services } from '../../src/http/handlers/index.ts';
import type { Pace } from '../../src/http/pace.ts';
import { createHttpServer, type HttpServer, type Listening } from '../../src/http/server.ts';
import { systemClock } from '../../src/system/system-clock.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
  /** An object goes as JSON, text and bytes as they are. */
  readonly body?: unknown;
  readonly viaSocket?: boolean;
}

export interface Harness extends AsyncDisposable {
  readonly home: string;
  readonly store: Store;
  readonly server: HttpServer;
  readonly listening: Listening;
  readonly ownerToken: string;
  /** Calls that reached the services, by name. */
  readonly calls: string[];
  ask(ask: Ask): Promise<Reply>;
  /** Asks for a WebSocket, leaves it at once, and says which status the answer had. */
  upgrade(ask: Ask): Promise<number>;
  tokenOf(role: Role): Promise<string>;
}

export const clock: Clock = systemClock;
export const ids = createIds(clock, randomBytes);

export const openHarness = async (
  services: Partial<Services> = {},
  allowedHosts: string[] = [],
  pace?: Pace,
  time: Clock = clock,
): Promise<Harness> => {
  const home = await mkdtemp(join(tmpdir(), 'berth-http-'));
  const store = createMemoryStore({ clock: time, ids });
  const calls: string[] = [];
  const config = {
    home,
    host: '127.0.0.1',
    port: 0,
    socketPath: join(home, 'run', 'berth.sock'),
    allowedHosts,
  };
  const server = await createHttpServer({
    config,
    store,
    clock: time,
    ids,
    services: { ...notingServices(calls), ...services },
    log: silentLog,
    version: '0.0.0',
    pace,
  });
  const listening = await server.listen();
  const ownerToken = (await readFile(listening.ownerTokenPath, 'utf8')).trim();
  const ask = (one: Ask) => send(listening, one);
  return {
    home,
    store,
    server,
    listening,
    ownerToken,
    calls,
    ask,
    upgrade: (one) => upgrade(listening, one),
    tokenOf: async (role) => {
      const body = { name: role, role };
      return (await ask({ method: 'POST', path: '/v1/tokens', token: ownerToken, body })).json.secret;
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await rm(home, { recursive: true });
    },
  };
};

export const optionsFor = ({ address, socketPath }: Listening, ask: Ask): RequestOptions => ({
  ...(ask.viaSocket ? { socketPath } : { host: '127.0.0.1', port: new URL(address).port }),
  method: ask.method ?? 'GET',
  path: ask.path,
  agent: false,
  headers: {
    ...(ask.token === undefined ? {} : { authorization: `Bearer ${ask.token}` }),
    ...(isJson(ask.body) ? { 'content-type': 'application/json' } : {}),
    ...ask.headers,
  },
});

const send = (listening: Listening, ask: Ask): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const outgoing = request(optionsFor(listening, ask), async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString('utf8');
      const isJsonAnswer = response.headers['content-type']?.startsWith('application/json');
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        json: isJsonAnswer ? JSON.parse(text) : undefined,
      });
    });
    outgoing.on('error', reject);
    outgoing.end(isJson(ask.body) ? JSON.stringify(ask.body) : (ask.body as string | Buffer | undefined));
  });

/** The headers that ask for a WebSocket (RFC 6455, section 4.1; the key is that of its example). */
export const UPGRADE = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

const upgrade = (listening: Listening, ask: Ask): Promise<number> =>
  new Promise((resolve, reject) => {
    const outgoing = request(optionsFor(listening, { ...ask, headers: { ...UPGRADE, ...ask.headers } }));
    outgoing.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });

const isJson = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && !(body instanceof Uint8Array);

/** Everything asked of it is noted and then refused, so that nothing seems to have happened. */
const notingServices = (calls: string[]): Services => {
  const note = (name: string) => async (): Promise<never> => {
    calls.push(name);
    throw fail('record.missing', { noun: 'thing', id: name });
  };
  return {
    workspaces: { create: note('workspace.create'), remove: note('workspace.remove') },
    tasks: {
      check: note('task.check'),
      create: note('task.create'),
      cancel: note('task.cancel'),
      retry: note('task.retry'),
      prompt: note('task.prompt'),
    },
    sandboxes: {
      create: note('sandbox.create'),
      remove: note('sandbox.remove'),
      open: note('sandbox.open'),
      shell: note('sandbox.shell'),
      repositories: {
        status: note('sandbox.gitStatus'),
        diff: note('sandbox.gitDiff'),
        commit: note('sandbox.gitCommit'),
        push: note('sandbox.gitPush'),
      },
    },
    changes: { decide: note('change.decide') },
    hub: { until: () => ({ diff: note('change.diff') }) },
    drivers: { permit: () => undefined },
    system: {
      drivers: {
        defaultName: 'memory',
        findDefault: async () => ({ name: 'memory', reason: 'the configuration names it' }),
        describe: async () => [],
      },
      agents: { describe: async () => [] },
      modelProviders: [],
      queue: { stats: async () => ({ waiting: 0, active: 0, done: 0, failed: 0, cancelled: 0 }) },
      isWorking: () => true,
      doctor: async () => [],
      shutdown: async () => undefined,
    },
  };
};
