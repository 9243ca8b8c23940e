/**
 * Starts the server as a process of its own: the command line contains none of it. The program is that of the
 * installed package `@berth/server`, run by the Node that runs us.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { fail, isBerthError } from '@berth/contract';
import { clientAt, type Place, placeOf } from './connection.ts';
import type { World } from './world.ts';

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export interface ServerOptions {
  /** Variables of the environment that the server reads, beside those that it inherits. */
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
}

const serverProgram = (): string =>
  fileURLToPath(new URL('program.ts', import.meta.resolve('@berth/server')));

export const startInForeground = (world: World, { env, home }: ServerOptions): ChildProcess =>
  spawn(process.execPath, [serverProgram()], {
    stdio: 'inherit',
    env: { ...world.env, ...env, BERTH_HOME: home },
  });

/** Starts a server that outlives us and waits until it takes work. Its output goes to `<home>/server.log`. */
export const startDetached = async (world: World, { env, home }: ServerOptions): Promise<Place> => {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const log = join(home, 'server.log');
  const output = openSync(log, 'a', 0o600);
  const child = spawn(process.execPath, [serverProgram()], {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...world.env, ...env, BERTH_HOME: home },
  });
  child.unref();
  let died: number | string | undefined;
  child.once('exit', (code, signal) => {
    died = code ?? signal ?? 'unknown';
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const place = placeOf(world, { home });
    if (await isReady(place)) return place;
    const isLate = Date.now() > deadline;
    if (died !== undefined || isLate) {
      const detail = isLate ? `it was not ready after ${START_TIMEOUT_MS} ms` : `it ended with ${died}`;
      throw fail('server.unreachable', { address: place.address, detail: `${detail}; see ${log}` });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

/** False when nothing answers there. A server that answers with a refusal is one. */
export const isReady = async (place: Place): Promise<boolean> => {
  try {
    await clientAt(place).system.ready();
    return true;
  } catch (error) {
    if (isBerthError(error)) return error.code !== 'server.unreachable' && error.kind !== 'unavailable';
    throw error;
  }
};
