/** Deletes what the inside of a sandbox wrote, however it is built. */
import { runSystemProgram } from './system-program.ts';

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
