/**
 * A kernel lock on what an open descriptor refers to, a file or a folder (`flock`). The kernel releases it when the
 * last copy of the descriptor is closed, however its process ends, and it applies to every process of this machine,
 * in whichever namespaces. Node has no call for it, so the program of that name takes it on a copy of our descriptor.
 * No other program gets a copy: Node opens descriptors close-on-exec.
 */
import { spawnSync } from 'node:child_process';
import { fail } from '@berth/contract';

/** Where systems keep it, whatever `PATH` the server was given. */
const PROGRAM_FOLDERS = '/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin';
/** It never waits for a lock; a file system may make it wait. */
const LOCK_TIMEOUT_MS = 10_000;
const HELD_BY_ANOTHER = 1;
/** Of the child: after its standard streams. */
const COPY = 3;

/** False if somebody else holds it. Throws `store.unavailable` if no such lock is available for `path`. */
export const lockDescriptor = (descriptor: number, path: string): boolean => {
  const { status, stderr, error } = spawnSync('flock', ['-n', '-x', String(COPY)], {
    env: { PATH: PROGRAM_FOLDERS },
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
    timeout: LOCK_TIMEOUT_MS,
    encoding: 'utf8',
  });
  if (status === 0) return true;
  if (status === HELD_BY_ANOTHER && stderr === '') return false;
  const isMissing = error !== undefined && 'code' in error && error.code === 'ENOENT';
  const reason = isMissing
    ? 'the program flock (of util-linux) is not installed'
    : `flock said ${stderr.trim() || String(error ?? status)}`;
  throw fail('store.unavailable', { reason: `${path} cannot be locked: ${reason}` }, { cause: error });
};
