/**
 * How a runtime is called on this machine: by a small process that stays (see fork-server.ts), in a mount namespace of
 * its own, so that the host never sees a mount. In there is arranged first:
 *
 * - an ordinary user becomes root of a user namespace (see identity.ts);
 * - the driver's folder is mounted on itself as `nosuid,nodev`. Every mount made from it, the root of a sandbox
 *   included, inherits that and cannot lose it inside a user namespace, whereas what a runtime is asked for may be left
 *   out (crun 1.8 does for a writable folder, and none takes options for the root);
 * - one that mapped users cannot walk to (root's home is 0700) or whose path an overlay option cannot hold is shown at
 *   a plain place instead;
 * - control groups v2 beside v1 are hidden from a runtime that refuses the mixture.
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
  /** The last one is the id of the container. */
  readonly args: readonly string[];
  readonly log: string;
}

export interface Launcher {
  /** A path below the driver's folder as the runtime sees it. */
  at(path: string): string;
  /** The runtime's exit code. When the signal comes first, the runtime may still run, or be about to. */
  run(engine: Engine, call: RuntimeCall, signal: AbortSignal): Promise<number>;
  /** Ends the process that stays. The next call starts it again. */
  close(): Promise<void>;
}

/** Exists on every Linux system by the File Hierarchy Standard and is walkable. */
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
    // The trial of one runtime is over, and the next one wants something else.
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

/** What the host mounts and unmounts later is seen in there, too, and nothing the other way. */
const OWN_MOUNTS = ['--mount', '--propagation', 'slave', '--'];

/** $1: the driver's folder, $2: where it is shown, $3: the folder to hide. A runtime makes groups in there all the same. */
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
  // Root inside has every right over the user's own files, so an ordinary user's folder is always reachable.
  if (identity.rootless) return false;
  for (let path = dirname(folder); path !== '/'; path = dirname(path))
    if ((statSync(path).mode & 0o001) === 0) return true;
  return false;
};
