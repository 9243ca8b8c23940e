/**
 * The only place that starts programs for the server on its own machine. Each leads a group of processes, and the
 * group ends as one: when its leader ends, when it is ended from here, and when the server is killed without a last
 * word. For the last there is a warden: a shell that reads the names of living groups from us, and that ends them when
 * there is nobody left to read from. It needs no privilege and no control group.
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
  /** How much processor time it takes is of interest. */
  readonly isMetered?: boolean | undefined;
}

/** For each process of the group alone; the kernel holds them. */
export interface ProgramLimits {
  /** What it may have of its own; files that it maps to read do not count. Beyond, it gets no more. */
  readonly memoryBytes: number;
  /** Of the processor; beyond, it is ended. */
  readonly cpuSeconds: number;
  /** Gives way to the server and to whatever else has none. */
  readonly isYielding?: boolean | undefined;
}

export interface HostProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit code once the whole group has ended; null by a signal. Rejects when the program could not be started. */
  readonly ended: Promise<number | null>;
  /** The signal that it ended by, once it has. */
  endedBy(): NodeJS.Signals | null;
  /** Processor time of a metered one with all that it waited for; of one that was ended from here, the time that it was there. */
  spentSeconds(): Promise<number>;
  /** Ends it with all that it started. Does nothing when it has ended. */
  end(): void;
}

export interface HostProcesses {
  /** Throws `Stopped` once it closes. */
  start(program: HostProgram): HostProcess;
  /**
   * When the oldest one that changes a folder was started, or before: of the clock as it was then and as it is now, the
   * earlier. Undefined while there is none.
   */
  oldestIn(place: string): number | undefined;
  /** Starts no more, lets what works here finish for a moment, and ends the rest. */
  close(): Promise<void>;
}

interface Living extends HostProgram {
  readonly group: number;
  readonly startedAt: number;
  /** Of the clock that nobody sets. */
  readonly startedAtMs: number;
}

const FINISH_MS = 5_000;
/** What is killed ends at once, unless the kernel cannot end it now or it has become another user's. */
const KILLED_MS = 2_000;

export const createHostProcesses = (log: Pick<Log, 'warn'>): HostProcesses => {
  const killGroup = createKillGroup(log);
  const living = new Map<Living, Promise<unknown>>();
  const warden = createWarden(() => [...living.keys()].map(({ group }) => group), log);
  let isClosing = false;

  const watch = (one: Living, child: ChildProcess): Promise<number | null> => {
    const ended = untilEnded(child, killGroup).finally(() => {
      living.delete(one);
      warden.ended(one.group);
    });
    living.set(one, ended);
    warden.begun(one.group);
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
      // Without descriptors to give it has no pipes, and its end is an error.
      const { stdin, stdout, stderr } = child;
      const pipes = {
        stdin: stdin ?? new PassThrough(),
        stdout: stdout ?? Readable.from([]),
        stderr: stderr ?? Readable.from([]),
      };
      // Whoever writes to a program that has ended learns of it by its end.
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
      warden.close();
    },
  };
};

const PIPED = { cwd: '/', stdio: 'pipe', detached: true } as const;
const METERED_PIPES = ['pipe', 'pipe', 'pipe', 'pipe'] as const;

/** The shell sees numbers of ours; what it starts in its own place comes after them, unread. */
const LIMITED = 'ulimit -d "$1"; ulimit -S -t "$2"; ulimit -H -t "$3"; shift 3; exec "$@"';
/** Between the signal that says why and the one that cannot be ignored. */
const CPU_GRACE_SECONDS = 5;

/** The same, by a shell that stays to say what it waited for took, and that ends as that did. */
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

/** The last line of `times`: of the user and of the kernel, of all that the shell waited for. */
const SAID_TIMES = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/;

/** Of a program that is not metered, or that has no pipes, nothing. */
const secondsSaidOn = async (child: Partial<Pick<ChildProcess, 'stdio'>>): Promise<number | undefined> => {
  const pipe = child.stdio?.[METER];
  if (!(pipe instanceof Readable)) return undefined;
  let said = '';
  pipe.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
  });
  // A meter that breaks has said nothing.
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

/** Never throws: one that has ended already yields, too. */
const lowerPriority = (pid: number): void => {
  try {
    setPriority(pid, NICENESS);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
};

type KillGroup = (group: number) => void;

/** What the leader left of its group is ended with it. */
const untilEnded = (child: ChildProcess, killGroup: KillGroup): Promise<number | null> => {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', reject);
  child.once('exit', (code) => {
    if (child.pid !== undefined) killGroup(child.pid);
    resolve(code);
  });
  // Told to whoever asks; a program that nobody asks about must not end the server.
  promise.catch(() => undefined);
  return promise;
};

const endGroup = ({ pid, exitCode, signalCode }: ChildProcess, killGroup: KillGroup): void => {
  if (pid !== undefined && exitCode === null && signalCode === null) killGroup(pid);
};

/** Never throws: it is called by timers and events, where nobody would hear of it and the server would end. */
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

/** Deaf to the signals that end a server, so that it outlives one that closes slowly, and to there being nobody to answer. */
const WARDEN = `trap '' TERM INT HUP PIPE
groups=' '
while read -r act group; do
  case $act in
    begun) groups="$groups$group "; echo ;;
    ended) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done`;

/** From the name of a group to the answer that it is known. */
const WARDEN_SILENCE_MS = 5_000;

/** Made with the first group, and anew when somebody ended it or it does not answer. */
const createWarden = (groups: () => readonly number[], log: Pick<Log, 'warn'>) => {
  let warden: { readonly child: ChildProcess; readonly expectAnswer: () => void } | undefined;
  const tell = (line: string): void => void warden?.child.stdin?.write(`${line}\n`);
  const begun = (group: number): void => {
    tell(`begun ${group}`);
    warden?.expectAnswer();
  };
  const make = (): void => {
    const child: ChildProcess = spawn('/bin/sh', ['-c', WARDEN], {
      ...{ cwd: '/', env: {}, detached: true },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let silence: NodeJS.Timeout | undefined;
    const forget = (): void => {
      if (warden?.child === child) warden = undefined;
      clearTimeout(silence);
    };
    child.once('error', forget).once('exit', forget);
    const { stdin, stdout } = child;
    // Without descriptors to give there is none; the next group makes it.
    if (child.pid === undefined || stdin === null || stdout === null) return;
    const replace = (): void => {
      log.warn('process.warden_replaced', { pid: child.pid, silentForMs: WARDEN_SILENCE_MS });
      forget();
      child.kill('SIGKILL');
      make();
    };
    let unanswered = 0;
    warden = {
      child,
      expectAnswer: () => {
        unanswered += 1;
        // What it said while this process was busy is read before it counts as silence.
        silence ??= setTimeout(
          () => setImmediate(() => unanswered > 0 && replace()),
          WARDEN_SILENCE_MS,
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
    begun: (group: number) => (warden === undefined ? make() : begun(group)),
    ended: (group: number) => tell(`ended ${group}`),
    close: () => void warden?.child.stdin?.end(),
  };
};
