/** A real guest in a temporary folder, in this process or in one of its own, and clients of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GUEST_ENV } from '@berth/contract/guest';
import { startGuest } from '@berth/guest/start';
import type { UplinkHandler } from '../../src/guest/channel/uplink.ts';
import type { Containment } from '../../src/guest/exec/process-address.ts';
import { createSandboxClient, type SandboxClient } from '../../src/guest/sandbox-client.ts';

const MAIN = fileURLToPath(import.meta.resolve('@berth/guest/start').replace('start.ts', 'main.ts'));
const PTY_MODULE = dirname(fileURLToPath(import.meta.resolve('@lydell/node-pty')));

export interface TestGuest {
  readonly folder: string;
  readonly root: string;
  readonly home: string;
  readonly socket: string;
  /** Raw connections that were made, newest last. */
  readonly connections: Socket[];
  connect(): Promise<Socket>;
  client(uplink?: UplinkHandler, groups?: Containment, silenceMs?: number): SandboxClient;
  [Symbol.asyncDispose](): Promise<void>;
}

export const guestInProcess = async (options: { confined?: boolean; pty?: boolean } = {}) => {
  const place = makePlace();
  const guest = await startGuest({
    id: 'sb_test',
    ...place,
    user: undefined,
    internalPort: 0,
    proxyPort: 0,
    pty: options.pty === true ? PTY_MODULE : undefined,
    confined: options.confined ?? false,
    env: { PATH: process.env.PATH ?? '' },
    path: process.env.PATH,
  });
  return { ...testGuest(place, async () => guest.close()), ...guest };
};

export const guestProcess = async (prefix: readonly string[] = [], program: readonly string[] = [MAIN]) => {
  const place = makePlace();
  const [file = '', ...args] = [...prefix, process.execPath, ...program];
  const child = spawn(file, args, {
    env: guestEnv(place),
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  });
  const guest = testGuest(place, () => end(child));
  await until(async () => (await guest.connect()).destroy());
  return { ...guest, child };
};

const guestEnv = (place: Place): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  [GUEST_ENV.socket]: place.socket,
  [GUEST_ENV.root]: place.root,
  [GUEST_ENV.home]: place.home,
  [GUEST_ENV.state]: place.state,
  [GUEST_ENV.internalPort]: '0',
  [GUEST_ENV.proxyPort]: '0',
  [GUEST_ENV.pty]: PTY_MODULE,
});

type Place = ReturnType<typeof makePlace>;

const makePlace = () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'guest-')));
  const at = (name: string): string => join(folder, name);
  return { folder, socket: at('s'), root: at('root'), home: at('home'), state: at('state') };
};

const testGuest = (place: Place, stop: () => Promise<unknown>): TestGuest => {
  const clients: SandboxClient[] = [];
  const connections: Socket[] = [];
  const dial = async (): Promise<Socket> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect(place.socket).once('connect', resolve).once('error', reject);
    await promise;
    connections.push(socket);
    return socket;
  };
  return {
    ...place,
    connections,
    connect: dial,
    client: (uplink, groups, silenceMs) => {
      const { root, home } = place;
      const internalUrl = 'http://berth.internal';
      const client = createSandboxClient({
        ...{ id: 'sb_test', root, home, internalUrl, uplink, groups, silenceMs },
        connect: dial,
      });
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await stop();
      rmSync(place.folder, { recursive: true, force: true });
    },
  };
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGKILL');
  await promise;
};

/** Tries until it succeeds. The last failure is thrown after the deadline. */
export const until = async <T>(act: () => Promise<T> | T, deadlineMs = 15_000): Promise<T> => {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
};
