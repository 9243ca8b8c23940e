/**
 * The users that a server of root runs sandboxes of the host driver as: ids without an account, one for each, so that a
 * sandbox owns its folders and neither the server's files nor another sandbox's, and cannot look into their processes.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chown } from 'node:fs/promises';
import { fail } from '@berth/contract';
import type { Probe } from '@berth/plugin-api';

/** Its group has the same number. */
export interface HostUser {
  readonly uid: number;
}

export const ID_COUNT = 65_536;

/** Spread by name, because several servers of a machine know nothing of each other; never one of `taken`. */
export const userFor = (base: number, name: string, taken: ReadonlySet<number | undefined>): HostUser => {
  const start = createHash('sha256').update(name).digest().readUInt32BE(0);
  for (let step = 0; step < ID_COUNT; step += 1) {
    const uid = base + ((start + step) % ID_COUNT);
    if (!taken.has(uid)) return { uid };
  }
  throw fail('driver.failed', { driver: 'host', act: 'create', detail: 'all ids of users are taken' });
};

/** The folder is the server's own still: nobody else can have put a link in its place. */
export const giveTo = async (user: HostUser | undefined, folder: string): Promise<void> => {
  if (user !== undefined) await chown(folder, user.uid, user.uid);
};

/** Ends every process of the user in one act of the kernel, which none can outrun by starting others. */
export const endUser = async ({ uid }: HostUser): Promise<void> => {
  const end = spawn('/bin/sh', ['-c', 'kill -9 -1'], { ...at(uid), stdio: 'ignore' });
  await once(end, 'close');
};

const NOT_REACHED = 3;

/** Really starts the program that every sandbox of this driver starts with, and goes where the sandboxes are. */
export const probeUser = async (base: number, node: string, folder: string): Promise<Probe> => {
  const reach = `try { process.chdir(process.argv[1]) } catch { process.exit(${NOT_REACHED}) }`;
  const tried = spawn(node, ['-e', reach, folder], { ...at(base), stdio: 'ignore' });
  const code = await new Promise<unknown>((resolve) => tried.once('error', resolve).once('exit', resolve));
  if (code === 0)
    return {
      health: 'degraded',
      detail: 'programs run as users of their own, with the files and network of any user',
    };
  const detail =
    code === NOT_REACHED
      ? `other users may not pass through to ${folder}; let them (\`chmod o+x\` on each folder above it), or choose another home`
      : `other users may not run ${node}; install Node.js where they may`;
  return { health: 'absent', detail };
};

const at = (uid: number) => ({ uid, gid: uid, cwd: '/', env: {} });
