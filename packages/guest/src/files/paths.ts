/**
 * Resolves a path in a request. Absolute, or relative to the root. On an isolated machine the whole file system is
 * open to the machine's own user; otherwise (`confined`), a path must lie below root or home after every symbolic
 * link up to its last component is followed.
 */
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { Refusal, systemCode } from '../refusal.ts';

export interface Paths {
  /** Follows links in all but the last component. */
  entry(path: string): string;
  /** Follows all links; for reading. */
  target(path: string): string;
}

export const createPaths = (place: { root: string; home: string; confined: boolean }): Paths => {
  const walls = place.confined ? [realpathSync(place.root), realpathSync(place.home)] : undefined;
  const check = (path: string, real: string): string => {
    if (walls === undefined || walls.some((wall) => real === wall || real.startsWith(`${wall}/`)))
      return real;
    throw refused(path, 'outside the folders of this sandbox');
  };
  const absolute = (path: string): string => {
    if (path === '' || path.includes('\0')) throw refused(path, 'not a path');
    if (Buffer.byteLength(path) > GUEST_LIMITS.pathBytes)
      throw refused(path.slice(0, 200), 'the path is too long');
    return resolve(place.root, path);
  };
  return {
    entry: (path) => {
      const full = absolute(path);
      if (walls === undefined) return full;
      if (walls.includes(full)) return full;
      return check(path, join(realFolder(dirname(full)), basename(full)));
    },
    target: (path) => {
      const full = absolute(path);
      return walls === undefined ? full : check(path, realFolder(full));
    },
  };
};

/** The real path of a folder that may not exist yet: links are followed in the existing part. */
const realFolder = (path: string): string => {
  try {
    return realpathSync(path);
  } catch (error) {
    const parent = dirname(path);
    if (systemCode(error) !== 'ENOENT' || parent === path) throw failure(path, error);
    return join(realFolder(parent), basename(path));
  }
};

export const refused = (path: string, reason: string): Refusal =>
  new Refusal({ code: 'file.refused', data: { path: path.slice(0, 1000), reason } });

/** Maps a system error to a message for the caller. */
export const failure = (path: string, error: unknown): Refusal => {
  if (error instanceof Refusal) return error;
  const code = systemCode(error);
  const data = { path: path.slice(0, 1000) };
  if (code === 'ENOENT') return new Refusal({ code: 'file.missing', data });
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Refusal({ code: 'disk.full', data });
  return refused(path, REASONS[code] ?? (code === '' ? 'the system refused' : code));
};

const REASONS: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  ENOTDIR: 'a component of the path is not a folder',
  ENOTEMPTY: 'the folder is not empty',
  EEXIST: 'it already exists',
  EACCES: 'not allowed',
  EPERM: 'not allowed',
  EROFS: 'read-only',
  ELOOP: 'too many links',
  ENAMETOOLONG: 'the name is too long',
};
