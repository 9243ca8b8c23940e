/** Starts programs of the system, by themselves and not for a sandbox, and ends them with all that they started. */
import { spawn } from 'node:child_process';

/** Programs of the system are found here, whatever the server's own PATH says. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const SAID_CHARACTERS = 4000;

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** The beginning. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects when it cannot be started, and when it cannot be ended in time. */
export const runSystemProgram = (argv: readonly string[], timeoutMs?: number): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: SYSTEM_PATH, LC_ALL: 'C' },
      detached: true,
    });
    // Before anything else: without descriptors to give, it has neither a number nor pipes.
    child.once('error', reject);
    if (child.pid === undefined) return;
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] = `${said[name]}${text}`.slice(0, SAID_CHARACTERS);
      });
    const timer = setTimeout(() => {
      const failure = endGroup(child.pid);
      if (failure !== undefined) reject(failure);
    }, timeoutMs ?? MAX_TIMER_MS);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...said });
    });
  });

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Says what went wrong and does not throw: a timer has nobody to throw to, and the server would end. */
const endGroup = (pid: number | undefined): Error | undefined => {
  if (pid === undefined) return undefined;
  try {
    process.kill(-pid, 'SIGKILL');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? undefined : (error as Error);
  }
};
