/**
 * Runs the host's git, and nothing that git could be talked into running.
 *
 * Two ways. *Sealed*, for everything in the hub: no configuration of the machine or the user is read, hooks, helpers
 * and pagers are off, and what comes out depends on the arguments alone. *As the user*, for reading a source: the
 * person's own configuration, credential helpers and ssh keys work as on their command line, but nothing may ask a
 * question (no terminal, no window) and only the transports we name are spoken.
 */
import { fail } from '@berth/contract';
import { execa } from 'execa';

export interface GitOptions {
  /** The bare repository; absent for commands without one. */
  readonly gitDir?: string | undefined;
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** Per stream; more ends the command, which is a failure unless the output may be `cut`. 16 MiB when absent. */
  readonly maxOutputBytes?: number | undefined;
  readonly cut?: boolean | undefined;
  /** Added to the environment, such as the author of a commit. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Exit codes that are answers, not failures; 0 always is. */
  readonly answers?: readonly number[] | undefined;
  readonly as?: 'sealed' | 'user' | undefined;
}

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The output passed the cap and was cut, which was allowed. */
  readonly truncated: boolean;
}

/** Rejects with `git.absent`, `git.timeout`, `disk.full` or `git.failed`. The first argument names the act. */
export type Git = (args: readonly [string, ...string[]], options?: GitOptions) => Promise<GitResult>;

/** Transports that a source may use; git refuses all others, whatever a configuration says. */
export const SOURCE_PROTOCOLS = ['https', 'ssh', 'git', 'file'] as const;

const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 16 * 2 ** 20;
const STDERR_TAIL_CHARACTERS = 2000;

/** @param env the server's own environment */
export const createGit =
  (env: Readonly<Record<string, string | undefined>>): Git =>
  async (args, options = {}) => {
    const as = options.as ?? 'sealed';
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const where = options.gitDir === undefined ? [] : [`--git-dir=${options.gitDir}`];
    const maxOutputBytes = options.maxOutputBytes ?? MAX_OUTPUT_BYTES;
    const result = await execa('git', [...SAFE_CONFIG, ...where, ...args], {
      env: { ...(as === 'sealed' ? sealedEnvironment(env) : userEnvironment(env)), ...options.env },
      extendEnv: false,
      cwd: '/',
      // A session of its own has no terminal, so ssh cannot ask there and hang.
      detached: as === 'user',
      reject: false,
      input: options.input ?? '',
      stripFinalNewline: false,
      timeout: timeoutMs,
      maxBuffer: maxOutputBytes,
      killSignal: 'SIGKILL',
    });
    const outcome: GitResult = {
      exitCode: result.exitCode ?? -1,
      stdout: result.stdout,
      stderr: result.stderr,
      truncated: result.isMaxBuffer,
    };
    if (outcome.truncated && options.cut !== true)
      throw fail('git.failed', { act: args[0], detail: `it says more than ${maxOutputBytes} bytes` });
    if (outcome.exitCode === 0 || options.answers?.includes(outcome.exitCode) || outcome.truncated)
      return outcome;
    throw failure(args[0], result, timeoutMs);
  };

/**
 * Contents from this size on are streamed, not held in memory, and neither compared nor compressed against others: git
 * on the host stays small whatever a sandbox sends, and large binaries pass in a fraction of the time.
 */
export const BIG_FILE_BYTES = 32 * 2 ** 20;

/** Options for every git that we start on the host. */
export const SAFE_CONFIG: readonly string[] = [
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

/** Nothing of the machine's or the user's git configuration. */
export const sealedEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> => ({
  PATH: env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
});

/** Variables of git that say how to reach a source. All others (GIT_DIR, GIT_INDEX_FILE…) would say where we are. */
const REACHING = /^GIT_(SSH|SSH_COMMAND|SSH_VARIANT|SSL_[A-Z_]+|CONFIG_GLOBAL|CONFIG_SYSTEM|HTTP_[A-Z_]+)$/;

const userEnvironment = (env: Readonly<Record<string, string | undefined>>): Record<string, string> => {
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
  };
};

const failure = (
  act: string,
  result: { code?: string | undefined; timedOut: boolean; stderr: string; shortMessage?: string | undefined },
  timeoutMs: number,
) => {
  if (result.code === 'ENOENT' || result.code === 'EACCES') {
    return fail('git.absent', { detail: result.code }, { cause: result });
  }
  if (result.timedOut) return fail('git.timeout', { act, timeoutMs });
  if (result.stderr.includes('No space left on device'))
    return fail('disk.full', { path: 'the repositories' });
  const detail = result.stderr.trim().slice(-STDERR_TAIL_CHARACTERS) || (result.shortMessage ?? 'no output');
  return fail('git.failed', { act, detail });
};
