/**
 * Starts the server as a separate process: the command line contains none of its code. The program is that of the
 * installed package `@berth/server`, run by the current Node.
 */
import { type StdioOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';
import { type BerthError, ErrorAnswer, errorOfBody, fail, isBerthError } from '@berth/contract';
import { type Connection, clientAt, connectionInHome } from './connection.ts';
import { holderOf } from './home-lock.ts';
import type { CommandIo } from './screen.ts';

const START_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export interface ServerOptions {
  readonly connection: Connection;
  /** As given by the user: errors name the flag. */
  readonly flags: readonly string[];
}

/**
 * The arguments of Node that run the server. A young generation of 4 MB instead of 16: an idle server keeps all of it
 * resident, which was a quarter of its memory. It has that size from the beginning: what a start makes stays, and was
 * copied at each of the smaller sizes before. No signal opens a debugger, from the first instruction on.
 */
export const serverArguments = (flags: readonly string[] = []): string[] => [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--disable-sigusr1',
  fileURLToPath(new URL('program.js', import.meta.resolve('@berth/server'))),
  ...flags,
];

const run = (world: CommandIo, { connection, flags }: ServerOptions, stdio: StdioOptions) => {
  const home = connection.homeFrom === '--home' ? ['--home', connection.home] : [];
  const args = serverArguments([...home, ...flags]);
  return spawn(process.execPath, args, { detached: true, stdio, env: world.env });
};

/** Ends with this process. In its own process group, so that a signal reaches it once: forwarded from here. */
export const runInForeground = (world: CommandIo, options: ServerOptions): Promise<number> => {
  const child = run(world, options, ['ignore', 'inherit', 'inherit']);
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  const forgetInterrupt = world.onInterrupt(forward);
  process.on('SIGHUP', forward);
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  }).finally(() => {
    forgetInterrupt();
    process.off('SIGHUP', forward);
  });
};

/**
 * Starts a server that outlives this process and waits until it accepts work. When several are started in one home
 * concurrently, one wins and all wait for that one. Its output goes to `<home>/server.log`.
 */
export const startDetached = async (world: CommandIo, options: ServerOptions): Promise<Connection> => {
  const { home } = options.connection;
  const deadline = Date.now() + START_TIMEOUT_MS;
  let own = launch(world, options);
  let lostHome = false;
  for (;;) {
    const connection = connectionInHome(world, options.connection);
    if (await isReady(connection)) return connection;
    const ended = own.ended();
    const isLate = Date.now() > deadline;
    const isHeld = ended !== undefined && holderOf(home) !== undefined;
    if (isLate || (ended !== undefined && !isHeld && !lostHome)) {
      const said = isLate ? `it was not ready after ${START_TIMEOUT_MS} ms` : `it exited with ${ended}`;
      throw (
        own.why() ??
        fail('server.unreachable', { address: connection.address, detail: `${said}; see ${own.log}` })
      );
    }
    // The process that held the home has exited.
    if (ended !== undefined && !isHeld) own = launch(world, options);
    lostHome = isHeld;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

const launch = (world: CommandIo, options: ServerOptions) => {
  const { log, output, from } = openLog(options.connection);
  const child = run(world, options, ['ignore', output, output]);
  closeSync(output);
  child.unref();
  let ended: number | string | undefined;
  child.once('exit', (code, signal) => {
    ended = code ?? signal ?? 'unknown';
  });
  return { log, ended: () => ended, why: () => whyIn(log, from) };
};

const openLog = ({ home, homeFrom }: Connection) => {
  const log = join(home, 'server.log');
  try {
    makeFolder(home);
    const output = openSync(log, 'a', 0o600);
    return { log, output, from: fstatSync(output).size };
  } catch (error) {
    const { errno = 0, message, path = log } = error as NodeJS.ErrnoException;
    const [, reason = message] = getSystemErrorMap().get(errno) ?? [];
    throw fail('home.unusable', { home, path, reason, from: homeFrom }, { cause: error });
  }
};

/**
 * Created as the server does it: Node's recursive `mkdir` never returns on a file system without folder creation
 * (procfs).
 */
const makeFolder = (path: string): void => {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
};

const SAID_BYTES = 65_536;

/** The error of a server that could not start, after the earlier contents of its log. */
const whyIn = (log: string, from: number): BerthError | undefined => {
  const said = readFileSync(log).subarray(from).subarray(-SAID_BYTES).toString().trimEnd();
  const last = said.slice(said.lastIndexOf('\n') + 1);
  if (!last.startsWith('{"error":')) return undefined;
  return errorOfBody(ErrorAnswer.parse(JSON.parse(last)).error, 'unavailable');
};

/** False when nothing answers there. A server that answers with an error counts. Rejects with `server.silent`. */
export const isReady = async (connection: Connection): Promise<boolean> => {
  try {
    await clientAt(connection).system.ready();
    return true;
  } catch (error) {
    if (isBerthError(error) && error.code !== 'server.silent')
      return error.code !== 'server.unreachable' && error.kind !== 'unavailable';
    throw error;
  }
};
