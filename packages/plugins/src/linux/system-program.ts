/** Starts programs of the system, by themselves and not for a sandbox, and ends them with all that they started. */
import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';

/** Programs of the system are found here, whatever the server's own PATH says. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const SAID_CHARACTERS = 4000;

interface Ended {
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

/** Deletes what the inside of a sandbox wrote, however it is built. */
class NotDeleted extends Error {
  override readonly name = 'NotDeleted';
}

/**
 * By the system's own program, which goes from folder to folder by descriptors: a path may be longer than the kernel
 * takes in one piece (PATH_MAX), and no link is followed, also not one that appears meanwhile. Succeeds when there is
 * nothing; rejects with what it said when something is left. `surround` is an argument vector that runs another.
 */
export const removeTree = async (path: string, surround: readonly string[] = []): Promise<void> => {
  const argv = [...surround, 'rm', '-rf', '--one-file-system', '--', path];
  const { code, stderr } = await runSystemProgram(argv);
  const said = stderr.trim() || (code === null ? 'rm was ended by a signal' : `rm ended with ${code}`);
  if (code !== 0) throw new NotDeleted(`${path} could not be deleted: ${said}`);
};

/** Makes a folder and those above it, with exactly this mode whatever the umask; returns its path. */
export const makeFolder = async (path: string, mode: number): Promise<string> => {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
  return path;
};
