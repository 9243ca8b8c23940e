/** Deletes what the inside of a sandbox wrote, however it is built. */
import { spawn } from 'node:child_process';

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SAID_CHARACTERS = 500;

class NotDeleted extends Error {
  override readonly name = 'NotDeleted';
}

/**
 * By the system's own program, which goes from folder to folder by descriptors: a path may be longer than the kernel
 * takes in one piece (PATH_MAX), and no link is followed, also not one that appears meanwhile. Succeeds when there is
 * nothing; rejects with what it said when something is left. `surround` is an argument vector that runs another.
 */
export const removeTree = (path: string, surround: readonly string[] = []): Promise<void> =>
  new Promise((resolve, reject) => {
    const [program = '', ...args] = [...surround, 'rm', '-rf', '--one-file-system', '--', path];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: SYSTEM_PATH } });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < SAID_CHARACTERS) said = `${said}${text}`.slice(0, SAID_CHARACTERS);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new NotDeleted(`${path} could not be deleted: ${said.trim()}`));
    });
  });
