/**
 * Runs the host's git, and nothing that git could be made to run.
 *
 * Two ways. *Sealed*, for everything in the hub: no configuration of the machine or the user is read, hooks, helpers
 * and pagers are off, and the output depends only on the arguments. *As the user*, for reading a source: the user's
 * own configuration, credential helpers and ssh keys work as on their command line, but nothing may prompt (no
 * terminal, no window) and only listed transports are allowed.
 */
import { availableParallelism, constants } from 'node:os';
import type { Readable } from 'node:stream';
import { type BerthError, fail, isBerthError } from '@berth/contract';
import { cancelled, isStop } from '@berth/core';
import type { HostProcess, HostProcesses, ProgramLimits } from '../system/host-processes.ts';
import { hasRoom, saysNoSpace } from '../system/no-space.ts';
import { createLeftLocks } from './hub/left-locks.ts';

export interface GitOptions {
  /** The bare repository; absent for commands without one. */
  readonly gitDir?: string | undefined;
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** Per stream; more kills the command, which is a failure unless the output may be `cut`. Default: 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
  readonly cut?: boolean | undefined;
  /** Added to the environment, such as the author of a commit. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Exit codes that are results, not failures; 0 always is. */
  readonly answers?: readonly number[] | undefined;
  readonly as?: 'sealed' | 'user' | undefined;
  /** Per process, excluding read-only mappings. Default: 1 GiB. */
  readonly memoryBytes?: number | undefined;
  /** Kills it with all its children. */
  readonly signal?: AbortSignal | undefined;
}

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The output exceeded the cap and was truncated, as allowed. */
  readonly truncated: boolean;
}

/**
 * Rejects with `git.absent`, `git.timeout`, `git.too_costly`, `git.killed`, `disk.full`, `git.failed`, or the reason
 * of the signal. The first argument names the action.
 */
export type Git = (args: readonly [string, ...string[]], options?: GitOptions) => Promise<GitResult>;

/** One sealed git process whose pipes the caller handles. Killed when the signal aborts. */
export type StartGit = (args: readonly string[], options: StartGitOptions) => Promise<HostProcess>;

export interface StartGitOptions extends Pick<GitOptions, 'env' | 'as' | 'signal'> {
  /** The bare repository that it works in. */
  readonly gitDir?: string | undefined;
  readonly limits: ProgramLimits;
  readonly isMetered?: boolean | undefined;
}

/** Every host git process of the server. */
export interface HostGit {
  readonly run: Git;
  readonly start: StartGit;
}

/** Transports allowed for a source; git refuses all others, whatever the configuration. */
export const SOURCE_PROTOCOLS = ['https', 'ssh', 'git', 'file'] as const;

const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 16 * 2 ** 20;
/** Three versions of the largest file allowed in a push, and the object lists of a large repository. */
const COMMAND_MEMORY_BYTES = 2 ** 30;
/** For an import or a gc: grows with the number of objects, some 150 bytes each. */
export const WHOLE_REPOSITORY_MEMORY_BYTES = 4 * 2 ** 30;
const STDERR_TAIL_CHARACTERS = 2000;
/** The shell's exit code for a missing program. */
const NOT_FOUND = 127;
const NO_EXIT_CODE = -1;
/** How long to wait for output after git has exited: only a process that left its group can still hold the pipe. */
const DRAIN_MS = 1000;

export interface HostGitParts {
  /** The server's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly processes: HostProcesses;
  /** How long an HTTP source may be silent. Default: 30. */
  readonly silenceSeconds?: number | undefined;
}

export const createHostGit = (parts: HostGitParts): HostGit => {
  const { env, processes, silenceSeconds = SILENCE_SECONDS } = parts;
  const locks = createLeftLocks(processes);

  const start: StartGit = async (args, { gitDir, env: added, as = 'sealed', signal, limits, isMetered }) => {
    if (gitDir !== undefined) await locks.ready(gitDir);
    if (signal?.aborted) throw givenUp(signal.reason);
    const git = processes.start({
      argv: ['git', ...SAFE_CONFIG, ...(as === 'sealed' ? SMALL_CONFIG : []), ...args],
      env: { ...(as === 'sealed' ? sealedEnvironment(env) : userEnvironment(env, silenceSeconds)), ...added },
      place: gitDir,
      isOutward: as === 'user',
      limits,
      isMetered,
    });
    const abort = (): void => git.end();
    signal?.addEventListener('abort', abort, { once: true });
    const tidyUp = async (exitCode: number | null): Promise<number | null> => {
      signal?.removeEventListener('abort', abort);
      if (exitCode === null && gitDir !== undefined) await locks.clear(gitDir);
      return exitCode;
    };
    const ended = git.ended.then(tidyUp);
    // Included in error messages.
    ended.catch(() => undefined);
    return { ...git, ended };
  };

  const once = async (args: readonly [string, ...string[]], options: GitOptions): Promise<GitResult> => {
    const { gitDir, timeoutMs = DEFAULT_TIMEOUT_MS, maxOutputBytes = MAX_OUTPUT_BYTES, signal } = options;
    const where = gitDir === undefined ? [] : [`--git-dir=${gitDir}`];
    const late = AbortSignal.timeout(timeoutMs);
    const either = signal === undefined ? late : AbortSignal.any([late, signal]);
    const limits = limitsOf(options, timeoutMs);
    const git = await start([...where, ...args], { ...options, signal: either, limits });
    const { exitCode, ...said } = await listen(git, options.input ?? '', maxOutputBytes);
    const result = { ...said, exitCode: exitCode ?? NO_EXIT_CODE };
    if (isAnswer(result, options)) return result;
    if (exitCode === NOT_FOUND) throw fail('git.absent', { detail: said.stderr.trim() });
    if (exitCode !== null || !either.aborted)
      throw await failureOf(args[0], result, { ...options, limits, endedBy: git.endedBy() });
    throw late.aborted ? fail('git.timeout', { act: args[0], timeoutMs }) : givenUp(either.reason);
  };

  const run: Git = async (args, options = {}) => {
    try {
      return await once(args, options);
    } catch (error) {
      if (isKilled(error) && args[0] !== 'update-ref') return once(args, options);
      // A lock: if it is stale, the second try finds it gone.
      if (options.gitDir === undefined || !isLocked(error) || (await locks.clear(options.gitDir)) === 0)
        throw error;
      return once(args, options);
    }
  };
  return { run, start };
};

/** Several threads of one process may each use the full time. */
const limitsOf = ({ as, memoryBytes }: GitOptions, timeoutMs: number): ProgramLimits => ({
  memoryBytes: memoryBytes ?? (as === 'user' ? WHOLE_REPOSITORY_MEMORY_BYTES : COMMAND_MEMORY_BYTES),
  cpuSeconds: Math.ceil(timeoutMs / 1000) * (as === 'user' ? availableParallelism() : 1),
});

/** Git's messages when it runs out of memory. */
export const OUT_OF_MEMORY = /out of memory|cannot allocate memory|cannot create thread/i;

const givenUp = (reason: unknown): unknown =>
  isBerthError(reason) || isStop(reason) ? reason : cancelled('the caller disconnected');

/** A truncated output is useless, unless it may be cut. */
const isAnswer = ({ exitCode, truncated }: GitResult, { answers = [], cut }: GitOptions): boolean =>
  truncated ? cut === true : exitCode === 0 || answers.includes(exitCode);

/** Its effect is then unknown, and everything but moving a ref is idempotent. */
const isKilled = (error: unknown): boolean => isBerthError(error) && error.code === 'git.killed';

const isLocked = (error: unknown): boolean =>
  isBerthError(error) && error.code === 'git.failed' && /: File exists/.test(error.message);

/** Writes git's input and reads its output to the end. */
const listen = async (git: HostProcess, input: string, maxOutputBytes: number) => {
  git.stdin.end(input);
  const stdout = collect(git.stdout, maxOutputBytes, git.end);
  const stderr = collect(git.stderr, maxOutputBytes, git.end);
  const exitCode = await git.ended.catch((cause: unknown) => {
    throw fail('git.absent', { detail: codeOf(cause) }, { cause });
  });
  await Promise.all([drained(git.stdout), drained(git.stderr)]);
  const truncated = stdout.isFull() || stderr.isFull();
  return { exitCode, stdout: stdout.text(), stderr: stderr.text(), truncated };
};

/** Collects output up to a cap, and kills the process beyond it. */
const collect = (stream: Readable, maxBytes: number, tooMuch: () => void) => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on('data', (chunk: Buffer) => {
    if (sizeBytes <= maxBytes) chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) tooMuch();
  });
  // A read error is noticed by the consumer, and git's exit reports the cause.
  stream.on('error', () => undefined);
  return {
    isFull: () => sizeBytes > maxBytes,
    text: () => Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8'),
  };
};

const drained = async (stream: Readable): Promise<void> => {
  if (stream.closed) return;
  const late = setTimeout(() => stream.destroy(), DRAIN_MS);
  await new Promise((resolve) => stream.once('close', resolve));
  clearTimeout(late);
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/**
 * Blobs from this size on are streamed, not held in memory, and not delta-compressed: large binaries take a fraction
 * of the time. It does not bind the sender: a received delta is resolved in memory whatever its size, so memory
 * itself is limited.
 */
export const BIG_FILE_BYTES = 32 * 2 ** 20;

/** Options for every host git process. */
const SAFE_CONFIG: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.logAllRefUpdates=false',
  'protocol.ext.allow=never',
  'safe.bareRepository=explicit',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'gc.auto=0',
  'maintenance.auto=false',
  `core.bigFileThreshold=${BIG_FILE_BYTES}`,
].flatMap((setting) => ['-c', setting]);

/** For git in the hub: its memory grows with its threads. */
const SMALL_CONFIG: readonly string[] = [
  'pack.threads=1',
  'pack.windowMemory=128m',
  'pack.deltaCacheSize=64m',
  'core.maxTreeDepth=1024',
  // Rename detection: every file of one side is compared with every file of the other.
  'merge.renameLimit=1000',
  'diff.renameLimit=1000',
].flatMap((setting) => ['-c', setting]);

/** No system or user git configuration. */
const sealedEnvironment = (env: Readonly<Record<string, string | undefined>>): Record<string, string> => ({
  PATH: env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
});

/** Git variables for reaching a source. All others (GIT_DIR, GIT_INDEX_FILE…) would redirect git. */
const REACHING = /^GIT_(SSH|SSH_COMMAND|SSH_VARIANT|SSL_[A-Z_]+|CONFIG_GLOBAL|CONFIG_SYSTEM|HTTP_[A-Z_]+)$/;

const SILENCE_SECONDS = 30;

const userEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
  silenceSeconds: number,
): Record<string, string> => {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (!entry[0].startsWith('GIT_') || REACHING.test(entry[0])),
  );
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS_REQUIRE: 'never',
    GIT_ALLOW_PROTOCOL: SOURCE_PROTOCOLS.join(':'),
    // A server that counts objects sends a byte per second; less than that for this long is silence.
    GIT_HTTP_LOW_SPEED_LIMIT: '1',
    GIT_HTTP_LOW_SPEED_TIME: String(silenceSeconds),
  };
};

interface Failed extends GitOptions {
  readonly limits: ProgramLimits;
  readonly endedBy: NodeJS.Signals | null;
}

/** For a git process not killed by this server. */
const failureOf = async (
  act: string,
  result: GitResult,
  { gitDir, maxOutputBytes = MAX_OUTPUT_BYTES, limits, endedBy }: Failed,
): Promise<BerthError> => {
  if (result.truncated)
    return fail('git.failed', { act, detail: `its output exceeds ${maxOutputBytes} bytes` });
  // A full disk of the remote machine is its own problem.
  const own = result.stderr.replace(/^remote:.*$/gm, '');
  const { memoryBytes, cpuSeconds } = limits;
  const signal = endedBy ?? signalIn(own);
  if (signal === 'SIGXCPU' || OUT_OF_MEMORY.test(own))
    return fail('git.too_costly', { act, memoryBytes, cpuSeconds });
  if (signal === 'SIGSEGV') return fail('git.failed', { act, detail: TOO_DEEP });
  if (signal !== undefined) return fail('git.killed', { act, signal });
  if (saysNoSpace(own)) return fail('disk.full', { path: REPOSITORIES });
  const said = result.stderr.trim().slice(-STDERR_TAIL_CHARACTERS);
  const detail = said || `it exited with ${result.exitCode} without output`;
  return explainFullDisk(fail('git.failed', { act, detail }), gitDir);
};

/** Git descends into folders recursively. */
const TOO_DEEP =
  'it ran out of stack, because of folders nested thousands deep: remove them from the commits';

/** For a child of git. */
const signalIn = (said: string): NodeJS.Signals | undefined => {
  const number = Number(/died of signal (\d+)/.exec(said)?.[1]);
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  return names.find(([, value]) => value === number)?.[0];
};

const REPOSITORIES = 'the repositories';

/** For some writes git reports only that they failed (a lock of a ref). */
const explainFullDisk = async (failure: BerthError, gitDir: string | undefined): Promise<BerthError> => {
  if (gitDir === undefined || !/\bwrit/.test(failure.message) || (await hasRoom(gitDir))) return failure;
  return fail('disk.full', { path: REPOSITORIES }, { cause: failure });
};
