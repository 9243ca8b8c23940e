/** Starts system programs for the server itself, and kills them with all their children. */
import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';

/** System programs are looked up here, regardless of the server's own PATH. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const SAID_CHARACTERS = 4000;

interface Ended {
  /** Null when it was killed by a signal. */
  readonly code: number | null;
  /** The start of the output. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Rejects when it cannot be started, and when it cannot be killed in time. */
export const runSystemProgram = (argv: readonly string[], timeoutMs?: number): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: SYSTEM_PATH, LC_ALL: 'C' },
      detached: true,
    });
    // Before anything else: without free descriptors it has neither a pid nor pipes.
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

/** Returns the error and does not throw: a timer has no caller, and the server would exit. */
const endGroup = (pid: number | undefined): Error | undefined => {
  if (pid === undefined) return undefined;
  try {
    process.kill(-pid, 'SIGKILL');
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? undefined : (error as Error);
  }
};

/** Deletes files written by a sandbox, whatever their structure. */
class NotDeleted extends Error {
  override readonly name = 'NotDeleted';
}

/**
 * Uses rm(1), which descends by descriptors: a path may be longer than PATH_MAX, and no link is followed, not even
 * one that appears meanwhile. Succeeds when there is nothing; rejects with its output when something is left.
 * `surround` is a wrapper argument vector.
 */
export const removeTree = async (path: string, surround: readonly string[] = []): Promise<void> => {
  const argv = [...surround, 'rm', '-rf', '--one-file-system', '--', path];
  const { code, stderr } = await runSystemProgram(argv);
  const said = stderr.trim() || (code === null ? 'rm was killed by a signal' : `rm exited with ${code}`);
  if (code !== 0) throw new NotDeleted(`${path} could not be deleted: ${said}`);
};

/** Creates a folder and its missing parents, with exactly this mode whatever the umask; returns its path. */
export const makeFolder = async (path: string, mode: number): Promise<string> => {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
  return path;
};
