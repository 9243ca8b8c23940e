/**
 * How a runtime is called on this machine. Three things may have to be arranged first, all of them in a private mount
 * namespace that ends with the call, so that the host never sees a mount:
 *
 * - an ordinary user becomes root of a user namespace (see identity.ts);
 * - a folder that mapped users cannot walk to (root's home is 0700) or whose path an overlay option cannot hold is
 *   shown at a plain place;
 * - control groups v2 beside v1 are hidden from a runtime that refuses the mixture.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Folders } from './folders.ts';
import type { Identity } from './identity.ts';

export interface Engine {
  readonly name: 'crun' | 'runc';
  readonly hidesV2: boolean;
}

export interface Launcher {
  /** A path below the driver's folder as the runtime sees it. */
  at(path: string): string;
  /** The argument vector that calls the runtime with these arguments. */
  argv(engine: Engine, args: readonly string[]): [string, ...string[]];
}

/** Runs a program with every right over the files of this user's mapped ids. */
export const AS_OWNER: readonly string[] = ['unshare', '--map-root-user', '--map-auto'];

/** Programs of the system are found here, whatever the server's own PATH says. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Exists on every Linux system by the File Hierarchy Standard and is walkable. */
const STAGE = '/mnt';

export const createLauncher = (
  folders: Folders,
  identity: Identity,
  v2BesideV1: string | undefined,
): Launcher => {
  const staged = needsStage(folders.root, identity);
  const unshare = identity.rootless ? AS_OWNER : ['unshare'];
  return {
    at: (path) =>
      staged && path.startsWith(folders.root) ? `${STAGE}${path.slice(folders.root.length)}` : path,
    argv: (engine, args) => {
      const hidden = engine.hidesV2 ? v2BesideV1 : undefined;
      const command = [engine.name, '--root', folders.state, ...args];
      if (!staged && hidden === undefined && !identity.rootless) return command as [string, ...string[]];
      return [
        ...unshare,
        '--mount',
        '--propagation',
        'private',
        '--',
        '/bin/sh',
        '-ec',
        PRELUDE,
        'berth-launch',
        staged ? folders.root : '',
        hidden ?? '',
        ...command,
      ] as [string, ...string[]];
    },
  };
};

/** $1: the folder to show at the stage, $2: the folder to hide, the rest: the command. */
const PRELUDE = `
[ -z "$1" ] || mount --bind -- "$1" ${STAGE}
[ -z "$2" ] || mount -t tmpfs -o size=4k none "$2"
shift 2
exec "$@"`;

const PLAIN_PATH = /^[A-Za-z0-9._/@+-]+$/;
const MAX_PATH_LENGTH = 80;

const needsStage = (folder: string, identity: Identity): boolean => {
  if (!PLAIN_PATH.test(folder) || folder.length > MAX_PATH_LENGTH) return true;
  // Root inside has every right over the user's own files, so an ordinary user's folder is always reachable.
  if (identity.rootless) return false;
  for (let path = dirname(folder); path !== '/'; path = dirname(path))
    if ((statSync(path).mode & 0o001) === 0) return true;
  return false;
};
