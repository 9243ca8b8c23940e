/**
 * The users that a root server runs sandboxes of the host driver as: uids without an account, one per sandbox, so
 * that a sandbox owns its folders and neither the server's files nor another sandbox's, and cannot inspect their
 * processes.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chown } from 'node:fs/promises';
import { fail } from '@berth/contract';
import type { Probe } from '@berth/plugin-api';

/** Its gid is the same. */
export interface HostUser {
  readonly uid: number;
}

export const ID_COUNT = 65_536;

/** Hashed from the name, because servers on one machine do not know of each other; never one of `taken`. */
export const userFor = (base: number, name: string, taken: ReadonlySet<number | undefined>): HostUser => {
  const start = createHash('sha256').update(name).digest().readUInt32BE(0);
  for (let step = 0; step < ID_COUNT; step += 1) {
    const uid = base + ((start + step) % ID_COUNT);
    if (!taken.has(uid)) return { uid };
  }
  throw fail('driver.failed', { driver: 'host', act: 'create', detail: 'all uids are in use' });
};

/** The folder is still owned by the server: nobody else can have replaced it with a link. */
export const giveTo = async (user: HostUser | undefined, folder: string): Promise<void> => {
  if (user !== undefined) await chown(folder, user.uid, user.uid);
};

/** Kills every process of the user in one system call, which none can outrun by forking. */
export const endUser = async ({ uid }: HostUser): Promise<void> => {
  const end = spawn('/bin/sh', ['-c', 'kill -9 -1'], { ...at(uid), stdio: 'ignore' });
  await once(end, 'close');
};

const NOT_REACHED = 3;

/** Actually starts the program that every sandbox of this driver starts with, in the sandboxes' folder. */
export const probeUser = async (base: number, node: string, folder: string): Promise<Probe> => {
  const reach = `try { process.chdir(process.argv[1]) } catch { process.exit(${NOT_REACHED}) }`;
  const tried = spawn(node, ['-e', reach, folder], { ...at(base), stdio: 'ignore' });
  const code = await new Promise<unknown>((resolve) => tried.once('error', resolve).once('exit', resolve));
  if (code === 0)
    return {
      health: 'degraded',
      detail: "each sandbox runs as its own user, with any user's access to files and network",
    };
  const detail =
    code === NOT_REACHED
      ? `other users cannot traverse to ${folder}; allow it (\`chmod o+x\` on each parent folder), or choose another home`
      : `other users cannot execute ${node}; install Node.js where they can`;
  return { health: 'absent', detail };
};

const at = (uid: number) => ({ uid, gid: uid, cwd: '/', env: {} });
