/**
 * The only place that starts programs for the server on its own machine. Each leads a process group, and the group
 * ends as one: when its leader ends, when it is ended from here, and when the server is killed. For the last case
 * there is a reaper: a shell that reads the ids of live groups from us, and kills them once nobody is left to read
 * from. It needs no privilege and no control group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import process from 'node:process';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Log, Stopped } from '@berth/core';

export interface HostProgram {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The folder that it changes; see `oldestIn`. */
  readonly place?: string | undefined;
  /** Waits for another machine, which may never answer: gets no time to finish when the server stops. */
  readonly isOutward?: boolean | undefined;
  readonly limits?: ProgramLimits | undefined;
  /** Whether its CPU time is measured. */
  readonly isMetered?: boolean | undefined;
}

/** For each process of the group separately; enforced by the kernel. */
export interface ProgramLimits {
  /** Private memory; files that it maps to read do not count. Beyond this, allocations fail. */
  readonly memoryBytes: number;
  /** CPU time; beyond this, it is killed. */
  readonly cpuSeconds: number;
  /** Runs at a lower priority than the server and everything else. */
  readonly isYielding?: boolean | undefined;
}

export interface HostProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * The exit code once the whole group has ended; null if a signal ended it. Rejects if the program could not be
   * started.
   */
  readonly ended: Promise<number | null>;
  /** The signal that ended it, once it has. */
  endedBy(): NodeJS.Signals | null;
  /** CPU time of a metered program with everything it waited for; if it was ended from here, its elapsed time. */
  spentSeconds(): Promise<number>;
  /** Ends it with everything it started. Does nothing if it has ended. */
  end(): void;
}

export interface HostProcesses {
  /** Throws `Stopped` once closing. */
  start(program: HostProgram): HostProcess;
  /**
   * When the oldest one that changes a folder was started, or before: by the clock as it was then and as it is now,
   * whichever is earlier. Undefined while there is none.
   */
  oldestIn(place: string): number | undefined;
  /** Starts no more, gives what is running a moment to finish, and ends the rest. */
  close(): Promise<void>;
}

interface Living extends HostProgram {
  readonly group: number;
  readonly startedAt: number;
  /** By the monotonic clock. */
  readonly startedAtMs: number;
}

const FINISH_MS = 5_000;
/** A killed process ends at once, unless the kernel cannot end it now or it has become another user's. */
const KILLED_MS = 2_000;

export const createHostProcesses = (log: Pick<Log, 'warn'>): HostProcesses => {
  const killGroup = createKillGroup(log);
  const living = new Map<Living, Promise<unknown>>();
  const reaper = createReaper(() => [...living.keys()].map(({ group }) => group), log);
  let isClosing = false;

  const watch = (one: Living, child: ChildProcess): Promise<number | null> => {
    const ended = untilEnded(child, killGroup).finally(() => {
      living.delete(one);
      reaper.ended(one.group);
    });
    living.set(one, ended);
    reaper.begun(one.group);
    return ended;
  };

  const allEndWithin = async (ms: number): Promise<boolean> => {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(() => late.resolve(false), ms);
    const ended = Promise.allSettled(living.values()).then(() => true);
    return await Promise.race([ended, late.promise]).finally(() => clearTimeout(timer));
  };

  return {
    start(program) {
      if (isClosing) throw new Stopped('the server is stopping');
      const [file, ...args] = limited(program);
      const begun = { startedAt: Date.now(), startedAtMs: performance.now() };
      const stdio = program.isMetered === true ? [...METERED_PIPES] : 'pipe';
      const child: ChildProcess = spawn(file, args, { ...PIPED, stdio, env: program.env });
      const { pid: group } = child;
      if (group !== undefined && program.limits?.isYielding === true) lowerPriority(group);
      const ended =
        group === undefined ? untilEnded(child, killGroup) : watch({ ...program, ...begun, group }, child);
      // If no descriptors are left it has no pipes, and its end is an error.
      const { stdin, stdout, stderr } = child;
      const pipes = {
        stdin: stdin ?? new PassThrough(),
        stdout: stdout ?? Readable.from([]),
        stderr: stderr ?? Readable.from([]),
      };
      // A write to a program that has ended fails; its exit reports that.
      pipes.stdin.on('error', () => undefined);
      const endedBy = (): NodeJS.Signals | null => child.signalCode;
      const spent = secondsSaidOn(child);
      const spentSeconds = async (): Promise<number> => {
        await ended.catch(() => null);
        return (await spent) ?? (performance.now() - begun.startedAtMs) / 1000;
      };
      const end = (): void => endGroup(child, killGroup);
      return { ...pipes, ended, endedBy, spentSeconds, end };
    },
    oldestIn(place) {
      const there = [...living.keys()].filter((one) => one.place === place);
      const moved = Date.now() - performance.now();
      const times = there.flatMap(({ startedAt, startedAtMs }) => [
        startedAt,
        Math.ceil(moved + startedAtMs),
      ]);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    async close() {
      isClosing = true;
      for (const { group, isOutward } of living.keys()) if (isOutward === true) killGroup(group);
      if (!(await allEndWithin(FINISH_MS))) {
        for (const { group } of living.keys()) killGroup(group);
        await allEndWithin(KILLED_MS);
      }
      reaper.close();
    },
  };
};

const PIPED = { cwd: '/', stdio: 'pipe', detached: true } as const;
const METERED_PIPES = ['pipe', 'pipe', 'pipe', 'pipe'] as const;

/** The limits are numbers of ours, passed as arguments; what follows them is executed without being parsed. */
const LIMITED = 'ulimit -d "$1"; ulimit -S -t "$2"; ulimit -H -t "$3"; shift 3; exec "$@"';
/** Between the signal that says why and the one that cannot be ignored. */
const CPU_GRACE_SECONDS = 5;

/** The same, through a shell that stays to report what it waited for took, and that exits as that did. */
const METERED = `ulimit -d "$1"; ulimit -S -t "$2"; ulimit -H -t "$3"; shift 3
code=0; "$@" 3>&- || code=$?
times >&3
[ "$code" -le 129 ] || kill -"$((code - 128))" $$
exit "$code"`;
const METER = 3;

const limited = ({ argv, limits, isMetered }: HostProgram): HostProgram['argv'] => {
  if (limits === undefined) return argv;
  const { memoryBytes, cpuSeconds } = limits;
  const numbers = [Math.ceil(memoryBytes / 1024), cpuSeconds, cpuSeconds + CPU_GRACE_SECONDS].map(String);
  return ['/bin/sh', '-ec', isMetered === true ? METERED : LIMITED, 'limited', ...numbers, ...argv];
};

/** The last line of `times`: user and system time of everything the shell waited for. */
const SAID_TIMES = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/;

/** Nothing for a program that is not metered, or that has no pipes. */
const secondsSaidOn = async (child: Partial<Pick<ChildProcess, 'stdio'>>): Promise<number | undefined> => {
  const pipe = child.stdio?.[METER];
  if (!(pipe instanceof Readable)) return undefined;
  let said = '';
  pipe.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  // A broken meter has reported nothing.
  await finished(pipe).catch(() => undefined);
  const [, ...numbers] = (SAID_TIMES.exec(said) ?? []).map(Number);
  const [userMinutes, user, kernelMinutes, kernel] = numbers;
  return userMinutes === undefined ||
    user === undefined ||
    kernelMinutes === undefined ||
    kernel === undefined
    ? undefined
    : (userMinutes + kernelMinutes) * 60 + user + kernel;
};

const NICENESS = 10;

/** Never throws: for a process that has already ended it yields, too. */
const lowerPriority = (pid: number): void => {
  try {
    setPriority(pid, NICENESS);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
};

type KillGroup = (group: number) => void;

/** Whatever the leader left of its group is ended with it. */
const untilEnded = (child: ChildProcess, killGroup: KillGroup): Promise<number | null> => {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('exit', (code) => {
    if (child.pid !== undefined) killGroup(child.pid);
    resolve(code);
  });
  // Reported to whoever asks; a program that nobody asks about must not crash the server.
  promise.catch(() => undefined);
  return promise;
};

const endGroup = ({ pid, exitCode, signalCode }: ChildProcess, killGroup: KillGroup): void => {
  if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid);
};

/** Never throws: timers and events call it, where nobody would catch the error and the server would crash. */
const createKillGroup =
  (log: Pick<Log, 'warn'>): KillGroup =>
  (group) => {
    try {
      process.kill(-group, constants.signals.SIGKILL);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return;
      log.warn('process.left', { group, cause: String(error) });
    }
  };

/**
 * Ignores the signals that end a server, so that it outlives one that closes slowly, and tolerates having nobody to
 * answer.
 */
const REAPER = `trap '' TERM INT HUP PIPE
groups=' '
while read -r act group; do
  case $act in
    begun) groups="$groups$group "; echo ;;
    ended) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done`;

/** From sending a group's id to the acknowledgement. */
const REAPER_SILENCE_MS = 5_000;

/** Started with the first group, and again if somebody ended it or it does not answer. */
const createReaper = (groups: () => readonly number[], log: Pick<Log, 'warn'>) => {
  let reaper: { readonly child: ChildProcess; readonly expectAnswer: () => void } | undefined;
  const tell = (line: string): void => void reaper?.child.stdin?.write(`${line}\n`);
  const begun = (group: number): void => {
    tell(`begun ${group}`);
    reaper?.expectAnswer();
  };
  const make = (): void => {
    const child: ChildProcess = spawn('/bin/sh', ['-c', REAPER], {
      ...{ cwd: '/', env: {}, detached: true },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let silence: NodeJS.Timeout | undefined;
    const forget = (): void => {
      if (reaper?.child === child) reaper = undefined;
      clearTimeout(silence);
    };
    child.once('error', forget).once('exit', forget);
    const { stdin, stdout } = child;
    // If no descriptors are left there is none; the next group starts it.
    if (child.pid === undefined || stdin === null || stdout === null) return;
    const replace = (): void => {
      log.warn('process.reaper_replaced', { pid: child.pid, silentForMs: REAPER_SILENCE_MS });
      forget();
      child.kill('SIGKILL');
      make();
    };
    let unanswered = 0;
    reaper = {
      child,
      expectAnswer: () => {
        unanswered += 1;
        // What it sent while this process was busy is read before it counts as silent.
        silence ??= setTimeout(
          () => setImmediate(() => unanswered > 0 && replace()),
          REAPER_SILENCE_MS,
        ).unref();
      },
    };
    stdout.on('data', (answers: Buffer) => {
      unanswered -= answers.length;
      clearTimeout(silence);
      silence = undefined;
    });
    stdin.on('error', forget);
    child.unref();
    for (const pipe of [stdin, stdout]) if (pipe instanceof Socket) pipe.unref();
    for (const group of groups()) begun(group);
  };
  return {
    begun: (group: number) => (reaper === undefined ? make() : begun(group)),
    ended: (group: number) => tell(`ended ${group}`),
    close: () => void reaper?.child.stdin?.end(),
  };
};
