/**
 * Starts the server as a process of its own: the command line contains none of it. The program is that of the
 * installed package `@berth/server`, run by the Node that runs us.
 */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type BerthError, ErrorAnswer, errorOfBody, fail, isBerthError } from '@berth/contract';
import { clientAt, type Place, placeInHome } from './connection.ts';
import { holderOf } from './home-lock.ts';
import type { World } from './world.ts';

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const FORWARDED = ['SIGTERM', 'SIGHUP'] as const;

export interface ServerOptions {
  /** Variables of the environment that the server reads, beside those that it inherits. */
  readonly env: Readonly<Record<string, string>>;
  readonly home: string;
}

/**
 * The arguments of Node that run the server. A young generation of 4 MB instead of 16: an idle server keeps all of it
 * resident, which was a quarter of its memory.
 */
export const serverArguments = (): string[] => [
  '--max-semi-space-size=4',
  fileURLToPath(new URL('program.js', import.meta.resolve('@berth/server'))),
];

/** Lives and ends with us. In a group of its own, so that a signal reaches it once: through us. */
export const runInForeground = (world: World, { env, home }: ServerOptions): Promise<number> => {
  const child = spawn(process.execPath, serverArguments(), {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...world.env, ...env, BERTH_HOME: home },
  });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  const forgetInterrupt = world.onInterrupt(() => forward('SIGINT'));
  for (const signal of FORWARDED) process.on(signal, forward);
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  }).finally(() => {
    forgetInterrupt();
    for (const signal of FORWARDED) process.off(signal, forward);
  });
};

/**
 * Starts a server that outlives us and waits until it takes work. Of several that are started in one home at the same
 * time one gets it, and all wait for that one. Its output goes to `<home>/server.log`.
 */
export const startDetached = async (world: World, options: ServerOptions): Promise<Place> => {
  const { home } = options;
  const deadline = Date.now() + START_TIMEOUT_MS;
  let own = launch(world, options);
  let lostHome = false;
  for (;;) {
    const place = placeInHome(world, home);
    if (await isReady(place)) return place;
    const ended = own.ended();
    const isLate = Date.now() > deadline;
    const isHeld = ended !== undefined && holderOf(home) !== undefined;
    if (isLate || (ended !== undefined && !isHeld && !lostHome)) {
      const said = isLate ? `it was not ready after ${START_TIMEOUT_MS} ms` : `it ended with ${ended}`;
      throw (
        own.why() ?? fail('server.unreachable', { address: place.address, detail: `${said}; see ${own.log}` })
      );
    }
    // Who held the home has left it again.
    if (ended !== undefined && !isHeld) own = launch(world, options);
    lostHome = isHeld;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

const launch = (world: World, { env, home }: ServerOptions) => {
  const { log, output, from } = openLog(home);
  const child = spawn(process.execPath, serverArguments(), {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...world.env, ...env, BERTH_HOME: home },
  });
  closeSync(output);
  child.unref();
  let ended: number | string | undefined;
  child.once('exit', (code, signal) => {
    ended = code ?? signal ?? 'unknown';
  });
  return { log, ended: () => ended, why: () => whyIn(log, from) };
};

const openLog = (home: string) => {
  const log = join(home, 'server.log');
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const output = openSync(log, 'a', 0o600);
    return { log, output, from: fstatSync(output).size };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fail('home.unusable', { home, path: log, reason }, { cause: error });
  }
};

const SAID_BYTES = 65_536;

/** The error of a server that could not start, behind what was in its log before. */
const whyIn = (log: string, from: number): BerthError | undefined => {
  const said = readFileSync(log).subarray(from).subarray(-SAID_BYTES).toString().trimEnd();
  const last = said.slice(said.lastIndexOf('\n') + 1);
  if (!last.startsWith('{"error":')) return undefined;
  return errorOfBody(ErrorAnswer.parse(JSON.parse(last)).error, 'unavailable');
};

/** False when nothing answers there. A server that answers with a refusal is one. Rejects with `server.silent`. */
export const isReady = async (place: Place): Promise<boolean> => {
  try {
    await clientAt(place).system.ready();
    return true;
  } catch (error) {
    if (isBerthError(error) && error.code !== 'server.silent')
      return error.code !== 'server.unreachable' && error.kind !== 'unavailable';
    throw error;
  }
};
