/**
 * Git as a command inside a sandbox. Its program, settings and home are not writable by the inside; a program
 * configured by a repository (a filter) can only run in there, without the token, and ends with the command. The hub
 * token is passed in the environment of the one process that needs it; it is bound to the hub's URL, and is in no
 * file, URL or argument.
 */
import { type BerthError, fail, RepositoryName } from '@berth/contract';
import type { RunResult, Sandbox } from '@berth/plugin-api';
import { saysNoSpace } from '../../system/no-space.ts';
import { BIG_FILE_BYTES } from '../git.ts';

export interface SandboxGitOptions {
  /** The action, for messages, and git's arguments. */
  readonly args: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly stdin?: string | undefined;
  /** Exit codes that are results; 0 always is. */
  readonly answers?: readonly number[] | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxOutputBytes?: number | undefined;
  /** Access to the hub, for commands that need it. */
  readonly remote?: Remote | undefined;
}

export interface Remote {
  readonly url: string;
  readonly token: string;
}

/** Rejects with `git.timeout`, `sandbox.unreachable` when the hub could not be reached, `disk.full`,
 * `push.too_large`, or `git.failed`. */
export type SandboxGit = (sandbox: Sandbox, options: SandboxGitOptions) => Promise<RunResult>;

const DEFAULT_TIMEOUT_MS = 10 * 60_000;
const MAX_OUTPUT_BYTES = 16 * 2 ** 20;
const STDERR_TAIL_CHARACTERS = 2000;

/**
 * @param newExecId a fresh id for each command: they are idempotent, and a retry must run again
 */
export const createSandboxGit =
  (newExecId: () => string, signal?: AbortSignal): SandboxGit =>
  async (sandbox, options) => {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const command = {
      id: newExecId(),
      argv: ['git', ...options.args],
      system: true,
      contained: !isPlain(options.args),
      cwd: options.cwd,
      env: { ...environment(sandbox, options.remote), ...options.env },
      timeoutMs,
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      maxOutputBytes: options.maxOutputBytes ?? MAX_OUTPUT_BYTES,
    } as const;
    const result = await sandbox.run(command, signal);
    if (result.exitCode === 0) return result;
    if (result.exitCode !== null && options.answers?.includes(result.exitCode)) return result;
    throw failureOf(sandbox, options.args[0], { ...result, timeoutMs });
  };

const failureOf = (
  sandbox: Sandbox,
  act: string,
  { timedOut, stderr, exitCode, timeoutMs }: RunResult & { readonly timeoutMs: number },
): BerthError => {
  if (timedOut) return fail('git.timeout', { act, timeoutMs });
  const detail = stderr.trim().slice(-STDERR_TAIL_CHARACTERS) || `exit code ${exitCode}`;
  if (saysNoSpace(detail)) return fail('disk.full', { path: `sandbox ${sandbox.id}` });
  const [, reason] = REFUSED.exec(stderr) ?? [];
  if (reason !== undefined) return fail('push.too_large', { reason });
  return UNREACHABLE.test(detail)
    ? fail('sandbox.unreachable', { id: sandbox.id, detail })
    : fail('git.failed', { act, detail });
};

/** The hub's own messages (push-words.ts, serve-git.ts, push-hook.ts). */
const REFUSED = /(?:^remote: |\()(The push (?:exceeds|has|is|needs) [^\n]{1,300}?)\)?[ .]*$/m;

/** Answered by the hub, or by the connection to it. */
const UNREACHABLE =
  /Failed to connect|Could not resolve host|RPC failed|Empty reply|The requested URL returned error: 5/;

/** Commands that start no program configurable by a repository. */
const PLAIN = new Set(
  'commit-tree config for-each-ref init ls-files merge-base read-tree rev-parse symbolic-ref update-index write-tree'.split(
    ' ',
  ),
);

const isPlain = (args: readonly string[]): boolean =>
  PLAIN.has(args.find((arg) => !arg.startsWith('-')) ?? '');

const environment = (sandbox: Sandbox, remote: Remote | undefined): Record<string, string> => {
  const settings: [string, string][] = [
    // Files may belong to another user, from the sandbox's layer.
    ['safe.directory', '*'],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    // Programs that a repository can configure for a command with the token.
    ['credential.helper', ''],
    ['core.alternateRefsCommand', ':'],
    ['push.gpgSign', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['protocol.version', '0'],
    ['core.bigFileThreshold', String(BIG_FILE_BYTES)],
  ];
  if (remote !== undefined) {
    const scope = `http.${sandbox.internalUrl}/git/`;
    settings.push([`${scope}.extraHeader`, `Authorization: Bearer ${remote.token}`], [`${scope}.proxy`, '']);
  }
  return {
    LC_ALL: 'C',
    HOME: '/nonexistent',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: new URL(sandbox.internalUrl).protocol.replace(':', ''),
    GIT_NO_LAZY_FETCH: '1',
    GIT_PAGER: 'cat',
    GIT_EDITOR: ':',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
};

export const remoteOf = (
  sandbox: Sandbox,
  from: { readonly workspaceId: string; readonly token: string },
  repository: string,
): Remote => ({
  url: `${sandbox.internalUrl}/git/${from.workspaceId}/${repository}.git`,
  token: from.token,
});

/** The path of a repository inside. Throws `record.missing` when the name is not valid. */
export const folderOf = (sandbox: Sandbox, repository: string): string => {
  if (!RepositoryName.safeParse(repository).success) {
    throw fail('record.missing', { noun: 'repository', id: repository });
  }
  return `${sandbox.root}/${repository}`;
};
