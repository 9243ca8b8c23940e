/**
 * How a runtime is called on this machine: by a small persistent process (see fork-server.ts), in its own mount
 * namespace, so that the host never sees a mount. It first sets up:
 *
 * - an ordinary user becomes root of a user namespace (see identity.ts);
 * - the driver's folder is mounted on itself as `nosuid,nodev`. Every mount made from it, the root of a sandbox
 *   included, inherits that and cannot lose it inside a user namespace, whereas a runtime may ignore requested
 *   options (crun 1.8 does for a writable folder, and none accepts options for the root);
 * - one that mapped users cannot traverse (root's home is 0700) or whose path an overlay option cannot express is mounted at
 *   a plain path instead;
 * - cgroups v2 next to v1 are hidden from a runtime that refuses the mixture.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DriverHost } from '@berth/plugin-api';
import { SYSTEM_PATH } from '../../../linux/system-program.ts';
import type { Folders } from '../folders.ts';
import type { Identity } from '../identity.ts';
import { createForkServer, type ForkServer, type Surroundings } from './fork-server.ts';

export interface Engine {
  readonly name: 'crun' | 'runc';
  readonly hidesV2: boolean;
}

export interface RuntimeCall {
  /** The last one is the container id. */
  readonly args: readonly string[];
  readonly log: string;
}

export interface Launcher {
  /** A path below the driver's folder as seen by the runtime. */
  at(path: string): string;
  /** The runtime's exit code. When the signal comes first, the runtime may still run, or be about to. */
  run(engine: Engine, call: RuntimeCall, signal: AbortSignal): Promise<number>;
  /** Ends the persistent process. The next call starts it again. */
  close(): Promise<void>;
}

/** Exists on every Linux system by the File Hierarchy Standard and can be traversed. */
const STAGE = '/mnt';

export const createLauncher = (
  folders: Folders,
  identity: Identity,
  v2BesideV1: string | undefined,
  log: DriverHost['log'],
): Launcher => {
  const place = needsStage(folders.root, identity) ? STAGE : folders.root;
  const surroundings = (hidden: string | undefined): Surroundings => ({
    surround: [...(identity.rootless ? identity.asOwner : ['unshare']), ...OWN_MOUNTS],
    prepare: PRELUDE,
    args: [folders.root, place, hidden ?? ''],
    path: SYSTEM_PATH,
  });
  const at = (path: string): string =>
    path.startsWith(folders.root) ? `${place}${path.slice(folders.root.length)}` : path;
  let current: { readonly hidden: string | undefined; readonly server: ForkServer } | undefined;
  const serverFor = (hidden: string | undefined): ForkServer => {
    if (current?.hidden === hidden && current !== undefined) return current.server;
    // The trial of one runtime is over, and the next one needs another set-up.
    void current?.server.close();
    current = { hidden, server: createForkServer(surroundings(hidden), log) };
    return current.server;
  };
  return {
    at,
    run: ({ name, hidesV2 }, { args, log }, signal) =>
      serverFor(hidesV2 ? v2BesideV1 : undefined).run(
        {
          argv: [name, '--root', folders.state, ...args],
          log: at(log),
        },
        signal,
      ),
    close: async () => current?.server.close(),
  };
};

/** Later mounts and unmounts of the host propagate into it, and nothing out of it. */
const OWN_MOUNTS = ['--mount', '--propagation', 'slave', '--'];

/**
 * $1: the driver's folder, $2: where it is mounted, $3: the folder to hide. A runtime creates groups in there all the
 * same.
 */
const PRELUDE = `
mount --bind -- "$1" "$2"
mount -o remount,bind,nosuid,nodev -- "$2"
[ -z "$3" ] || mount -t tmpfs -o size=1m none "$3"
hidden=$3
after() {
  [ -n "$hidden" ] || return 0
  for container; do :; done
  rm -rf -- "$hidden/$container"
}
`;

const PLAIN_PATH = /^[A-Za-z0-9._/@+-]+$/;
const MAX_PATH_LENGTH = 80;

const needsStage = (folder: string, identity: Identity): boolean => {
  if (!PLAIN_PATH.test(folder) || folder.length > MAX_PATH_LENGTH) return true;
  // Root inside has full access to the user's own files, so a rootless server's folder is always reachable.
  if (identity.rootless) return false;
  for (let path = dirname(folder); path !== '/'; path = dirname(path))
    if ((statSync(path).mode & 0o001) === 0) return true;
  return false;
};
