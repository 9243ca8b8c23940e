/** The home as a folder: made and closed to others, and what the system says about it told in a sentence. */
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { fail, isBerthError } from '@berth/contract';
import { saysNoSpace } from '../system/no-space.ts';
import { DRIVERS_FOLDER } from './parts.ts';

export const makeHome = async (home: string): Promise<void> =>
  void (await mkdir(home, { recursive: true, mode: 0o700 }));

/** Sandboxes run as users of their own, and must be able to pass through to their driver's folder, not to look around. */
export const closeHome = async (home: string): Promise<void> => {
  for (const entry of await readdir(home, { withFileTypes: true })) {
    const isOwn = entry.isDirectory() ? entry.name !== DRIVERS_FOLDER : entry.isFile();
    if (isOwn) await chmod(join(home, entry.name), entry.isDirectory() ? 0o700 : 0o600);
  }
  await chmod(home, 0o711);
};

/** A failure of the system while the server starts, in our words; anything else is what it was. */
export const tellStartFailure = (failure: unknown, home: string): unknown => {
  if (isBerthError(failure) || !isSystemError(failure)) return failure;
  const { path, address, port } = failure;
  if (saysNoSpace(failure)) return fail('disk.full', { path: path ?? home }, { cause: failure });
  // Node's own checks count the numbers upwards.
  const [, reason = failure.message] = getSystemErrorMap().get(-Math.abs(failure.errno)) ?? [];
  if (failure.syscall === 'listen') {
    const place = address === undefined ? String(path) : port === undefined ? address : `${address}:${port}`;
    return fail('server.cannot_listen', { address: place, reason }, { cause: failure });
  }
  return fail('home.unusable', { home, path: path ?? home, reason }, { cause: failure });
};

interface SystemError extends NodeJS.ErrnoException {
  readonly errno: number;
  readonly address?: string;
  readonly port?: number;
}

const isSystemError = (failure: unknown): failure is SystemError =>
  failure instanceof Error &&
  'syscall' in failure &&
  typeof failure.syscall === 'string' &&
  'errno' in failure &&
  typeof failure.errno === 'number';
