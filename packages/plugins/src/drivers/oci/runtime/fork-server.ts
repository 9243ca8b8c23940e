/**
 * A small process that starts programs for the server.
 *
 * On fork the kernel copies the page tables of the parent, which then pays a fault for every page it writes: for a
 * server of 150 MB that takes longer than the program. A shell has next to nothing to copy. It also stays in the
 * namespaces the programs need, so that those are created once and not for every start.
 *
 * It reads one program per line and answers with two lines: a number before it starts the program, the number and an
 * exit code after. At the end of its input it waits for its children and exits, so it cannot outlive the server,
 * however that ended. One that does not start a program in time (it is stopped, or hangs) is killed; programs it had
 * started continue and report, the others are started by its successor.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { DriverHost } from '@berth/plugin-api';

export interface Surroundings {
  /** A wrapper argument vector for the shell. */
  readonly surround: readonly string[];
  /**
   * Run by that shell at its start, with `args`; defines `after`, called with the arguments of a program that has
   * ended.
   */
  readonly prepare: string;
  readonly args: readonly string[];
  /** Its PATH. */
  readonly path: string;
}

export interface Call {
  readonly argv: readonly string[];
  /** A file in its mount namespace, to which the program's output is appended. Its input is empty. */
  readonly log: string;
}

export interface ForkServer {
  /**
   * The exit code, or 128 plus the signal's number. Rejects when nothing can be started here; and with the reason of
   * the signal, after which the program may still run, or be about to.
   */
  run(call: Call, signal: AbortSignal): Promise<number>;
  /** Resolves when it has exited, by force if necessary; the next call starts another. */
  close(): Promise<void>;
}

/** From a call to the program's start. Twice this is less than a sandbox's time to answer. */
const SILENCE_LIMIT_MS = 5000;
/** For its remaining children. */
const CLOSE_LIMIT_MS = 10_000;
const MAX_TRIES = 2;

export const createForkServer = (surroundings: Surroundings, log: DriverHost['log']): ForkServer => {
  let running: Running | undefined;
  const begin = (): Running => {
    const begun = start(surroundings, () => {
      if (running === begun) running = undefined;
    });
    return begun;
  };
  return {
    run: async (call, signal) => {
      signal.throwIfAborted();
      const words = [call.log, ...call.argv].map(checked);
      for (let tried = 1; ; tried += 1) {
        running ??= begin();
        try {
          return await running.ask(words, signal);
        } catch (error) {
          if (!(error instanceof NotBegun) || tried >= MAX_TRIES) throw error;
          log('warn', 'the shell that starts runtimes is replaced', { error: error.message });
        }
      }
    },
    close: async () => running?.close(),
  };
};

/** The program was not started and will not be. */
class NotBegun extends Error {}

/** Not part of any path that a person would choose. */
const SEPARATOR = '\x1f';

const checked = (word: string): string => {
  if (word !== '' && !word.includes(SEPARATOR) && !word.includes('\n')) return word;
  throw new TypeError(`${JSON.stringify(word)} cannot be passed to a program`);
};

/** A line is split into words, the words become arguments: nothing is ever evaluated. */
const LOOP = `
set -f
while IFS= read -r line; do
  echo "\${line%%${SEPARATOR}*}"
  (
    IFS='${SEPARATOR}'
    set -- $line
    number=$1 log=$2 code=0
    shift 2
    "$@" </dev/null >>"$log" 2>&1 || code=$?
    echo "$number $code"
    after "$@"
  ) &
done
wait`;

const SAID_CHARACTERS = 2000;

interface Running {
  ask(words: readonly string[], signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

const start = ({ surround, prepare, args, path }: Surroundings, onEnd: () => void): Running => {
  const shell = ['/bin/sh', '-ec', `${prepare}${LOOP}`, 'berth-launch', ...args];
  const [program = '', ...rest] = [...surround, ...shell];
  const child = spawn(program, rest, { stdio: 'pipe', cwd: '/', env: { PATH: path } });
  if (child.pid === undefined) return notStarted(child, onEnd);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let isSilent = false;
  const calls = createCalls({
    // It does not keep the event loop alive, except while a program is awaited.
    onWaiting: (waiting) => (waiting ? child.ref() : child.unref()),
    onSilence: () => {
      isSilent = true;
      onEnd();
      child.kill('SIGKILL');
    },
  });
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.unref();
  child.unref();

  let said = '';
  const over = (reason: Error): void => {
    onEnd();
    calls.fail(reason);
    end();
  };
  child.once('error', over);
  // Its children continue without it, and report.
  child.once('exit', (_, signal) => {
    onEnd();
    if (signal === null) return;
    const why = isSilent
      ? `did not start a program within ${SILENCE_LIMIT_MS} ms`
      : `was killed by ${signal}`;
    // Its earlier output has been read by then.
    setImmediate(() => calls.failUnbegun(new NotBegun(`the shell that starts runtimes ${why}`)));
  });
  child.once('close', (code) =>
    over(new TypeError(`the shell that starts runtimes exited with ${code}: ${said}`)),
  );
  // It has exited; handled by the event above.
  child.stdin.on('error', () => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-SAID_CHARACTERS);
  });
  child.stdout.setEncoding('utf8').on('data', calls.answer);
  return {
    ask: (words, signal) => {
      const { number, exitCode } = calls.add(signal);
      child.stdin.write(`${[number, ...words].join(SEPARATOR)}\n`);
      return exitCode;
    },
    close: async () => {
      onEnd();
      child.ref();
      child.stdin.end();
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        // Its children may hold them open indefinitely.
        for (const pipe of [child.stdout, child.stderr]) pipe.destroy();
      }, CLOSE_LIMIT_MS);
      await ended.finally(() => clearTimeout(timer));
    },
  };
};

/** Without free descriptors there are no pipes either: only an error event, a moment later. */
const notStarted = (child: ChildProcess, onEnd: () => void): Running => {
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => {
      onEnd();
      reject(error);
    });
  });
  failed.catch(() => undefined);
  return { ask: () => failed, close: async () => onEnd() };
};

interface CallEvents {
  /** Ref with the first waiter, unref with the last. */
  onWaiting(waiting: boolean): void;
  /** One was not started in time. */
  onSilence(): void;
}

/** Pending programs by number. */
const createCalls = ({ onWaiting, onSilence }: CallEvents) => {
  const waiters = new Map<number, ReturnType<typeof Promise.withResolvers<number>>>();
  /** Including those no longer awaited: the next one would find it silent as well. */
  const unbegun = new Map<number, NodeJS.Timeout>();
  let made = 0;
  let partial = '';
  const take = (number: number) => {
    const waiter = waiters.get(number);
    if (waiters.delete(number) && waiters.size === 0) onWaiting(false);
    return waiter;
  };
  const begun = (number: number): void => {
    clearTimeout(unbegun.get(number));
    unbegun.delete(number);
  };
  const fail = (numbers: Iterable<number>, reason: Error): void => {
    for (const number of numbers) {
      begun(number);
      take(number)?.reject(reason);
    }
  };
  const expectBegun = (number: number): void => {
    // Output that arrived while this process was busy is read before it counts as silence.
    const look = (): void => void setImmediate(() => unbegun.has(number) && onSilence());
    unbegun.set(number, setTimeout(look, SILENCE_LIMIT_MS).unref());
  };
  return {
    add: (signal: AbortSignal): { readonly number: number; readonly exitCode: Promise<number> } => {
      const number = ++made;
      const waiter = Promise.withResolvers<number>();
      const onAbort = (): void => take(number)?.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (waiters.set(number, waiter).size === 1) onWaiting(true);
      expectBegun(number);
      return { number, exitCode: waiter.promise.finally(() => signal.removeEventListener('abort', onAbort)) };
    },
    /** Lines of a number, and of a number and an exit code, however they are chunked. */
    answer: (text: string): void => {
      const lines = `${partial}${text}`.split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        const [number = 0, exitCode] = line.split(' ').map(Number);
        begun(number);
        if (exitCode !== undefined) take(number)?.resolve(exitCode);
      }
    },
    failUnbegun: (reason: Error): void => fail([...unbegun.keys()], reason),
    fail: (reason: Error): void => fail([...unbegun.keys(), ...waiters.keys()], reason),
  };
};
