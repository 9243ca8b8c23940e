/**
 * One command: a process in its own session, its output in two logs, its input addressed by offset. It belongs to the
 * guest, not to a connection: readers come and go.
 */
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { statSync } from 'node:fs';
import { EXEC_MARKER, GUEST_LIMITS } from '@berth/contract/guest';
import type { GuestExec, GuestExecStart, GuestExit } from '@berth/contract/guest-messages';
import { readOutOfMemoryKills } from '../cgroup.ts';
import { Refusal, systemCode } from '../refusal.ts';
import type { CommandUser, Started } from '../user.ts';
import { NotTaken } from './begin.ts';
import { findProgram } from './find-program.ts';
import { createInput, type Input } from './input.ts';
import { createOutputLog, type OutputLog } from './log.ts';
import { createPump } from './pump.ts';
import { killTree, signalTree } from './tree.ts';

export interface CommandPlan {
  readonly start: GuestExecStart;
  readonly user: CommandUser;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Path prefix of its log files. */
  readonly logPath: string;
}

export interface Command {
  readonly keep: 'all' | 'tail';
  readonly stdout: OutputLog;
  readonly stderr: OutputLog;
  readonly input: Input;
  /** Set once, when the process has ended and its output is complete. */
  readonly exit: GuestExit | undefined;
  describe(): GuestExec;
  signal(name: NodeJS.Signals): void;
  /** Starts one that was started `held`. */
  release(): void;
  /** Calls back on output and on exit; returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
}

/** Rejects with a refusal when the program cannot be started. */
export const startCommand = async (plan: CommandPlan): Promise<Command> => {
  try {
    return await startOnce(plan, false);
  } catch (error) {
    // Nothing of it has run, so another process may start it.
    if (error instanceof NotTaken) return startOnce(plan, true);
    throw error;
  }
};

const startOnce = async (plan: CommandPlan, fresh: boolean): Promise<Command> => {
  const info = { killsBefore: readOutOfMemoryKills(), startedAt: Date.now() };
  const started = launch(plan, fresh);
  // Immediately: its output and exit are delivered to whoever listens by then.
  const command = started.child.pid === undefined ? undefined : watchCommand(plan, started, info);
  try {
    await started.begun;
  } catch (error) {
    command?.stdout.drop();
    command?.stderr.drop();
    throw error instanceof NotTaken ? error : refusalOf(plan, systemCode(error));
  }
  return command ?? Promise.reject(refusalOf(plan, ''));
};

const launch = (plan: CommandPlan, fresh: boolean): Started => {
  const { start, user, cwd, env } = plan;
  const whole: Readonly<Record<string, string>> = { ...env, ...start.env, [EXEC_MARKER]: start.id };
  const found = findProgram({ program: start.argv[0] ?? '', cwd, path: whole.PATH }, user);
  if (found.path === undefined) throw refusalOf(plan, found.code);
  try {
    return user.start(
      {
        ...{ path: found.path, argv: start.argv, cwd, env: whole },
        inputless: start.input === '',
        held: start.held === true,
      },
      fresh,
    );
  } catch (error) {
    throw refusalOf(plan, systemCode(error));
  }
};

const refusalOf = ({ start, user, cwd }: CommandPlan, code: string): Refusal =>
  notStartable(
    start.argv[0] ?? '',
    user.as(() => reasonOf(cwd, code)),
  );

const notStartable = (command: string, reason: string): Refusal =>
  new Refusal({ code: 'exec.not_startable', data: { command: command.slice(0, 1000), reason } });

/** ENOENT means a missing program or a missing folder. */
const reasonOf = (cwd: string, code: string): string => {
  if (!isFolder(cwd)) return `the folder ${cwd} does not exist (${code})`;
  return code === '' ? 'the system refused' : wordsOf(code);
};

const wordsOf = (code: string): string => {
  if (code === 'ENOENT') return 'no such program (ENOENT)';
  if (code === 'EACCES') return 'not allowed to run it (EACCES)';
  if (code === 'ETIMEDOUT') return `it did not start within ${GUEST_LIMITS.execBeginMs} ms (ETIMEDOUT)`;
  return code;
};

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // Missing or not accessible to this user: the system's code in the message says which.
  }
};

interface StartInfo {
  readonly startedAt: number;
  readonly killsBefore: number | undefined;
}

const watchCommand = ({ start, user, logPath }: CommandPlan, started: Started, info: StartInfo): Command => {
  const { child } = started;
  const keep = start.keep ?? 'tail';
  const stdout = createOutputLog(`${logPath}.out`, keep);
  const stderr = createOutputLog(`${logPath}.err`, keep);
  const changes = new EventEmitter().setMaxListeners(0);
  const input = createInput(start.input === '' ? null : child.stdin);
  const pid = child.pid ?? 0;
  let waits = start.held === true;
  let alive = true;
  let timedOut = false;
  let exit: GuestExit | undefined;
  const signal = (name: NodeJS.Signals): void => {
    const root = { execId: start.id, pid: alive ? pid : undefined };
    user.as(() => (name === 'SIGKILL' ? killTree(root) : signalTree(root, name)));
  };

  const timers = limitTime(start.timeoutMs, (name) => {
    timedOut = true;
    signal(name);
  });
  const pump = createPump({ keep, logs: [stdout, stderr], changed: () => changes.emit('change') });
  pump.take(child.stdout, stdout);
  pump.take(child.stderr, stderr);
  started.onFailure((code) => stderr.append(Buffer.from(`${start.argv[0]}: ${wordsOf(code)}\n`)));
  child.once('exit', () => {
    alive = false;
    pump.drain(() => child.emit('drained'));
  });
  const finish = (): void => {
    if (exit !== undefined) return;
    timers.stop();
    pump.stop();
    if (timedOut) signal('SIGKILL');
    exit = exitOf(child, { ...info, timedOut });
    changes.emit('change');
  };
  child.once('close', finish);
  child.once('drained', finish);
  if (start.input !== undefined && start.input !== '') input.writeAll(Buffer.from(start.input));

  return {
    keep,
    stdout,
    stderr,
    input,
    get exit() {
      return exit;
    },
    describe: () => ({
      id: start.id,
      pid,
      command: (start.argv[0] ?? '').slice(0, 1000),
      startedAt: info.startedAt,
      stdoutBytes: stdout.end,
      stderrBytes: stderr.end,
      inputBytes: input.receivedBytes,
      ...(start.held === true ? (waits ? { held: true } : { released: true }) : {}),
      ...(exit === undefined ? {} : { exit }),
    }),
    release: () => {
      if (waits) started.release();
      waits = false;
    },
    signal,
    onChange: (listener) => {
      changes.on('change', listener);
      return () => changes.off('change', listener);
    },
  };
};

const exitOf = (child: ChildProcess, facts: StartInfo & { readonly timedOut: boolean }): GuestExit => {
  const kills = readOutOfMemoryKills();
  const signal = child.signalCode ?? undefined;
  return {
    exitCode: child.exitCode,
    ...(signal === undefined ? {} : { signal }),
    timedOut: facts.timedOut,
    outOfMemory: kills !== undefined && kills > (facts.killsBefore ?? kills),
    durationMs: Date.now() - facts.startedAt,
  };
};

/** TERM at the timeout, KILL shortly after. */
const limitTime = (timeoutMs: number | undefined, act: (name: 'SIGTERM' | 'SIGKILL') => void) => {
  if (timeoutMs === undefined) return { stop: () => undefined };
  const longest = 2 ** 31 - 1 - GUEST_LIMITS.killAfterMs;
  const term = Math.min(timeoutMs, longest);
  const timers = [
    setTimeout(() => act('SIGTERM'), term),
    setTimeout(() => act('SIGKILL'), term + GUEST_LIMITS.killAfterMs),
  ];
  return { stop: () => timers.forEach(clearTimeout) };
};
