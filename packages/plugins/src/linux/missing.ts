/**
 * What a failure to look says about what is there: nothing, unless the system says that it does not exist. A server
 * without descriptors, permission or a working disk must not take what it cannot read for gone: next, it would be
 * removed.
 */
import { lstatSync } from 'node:fs';
import { lstat } from 'node:fs/promises';

/** `ESRCH`: of an exited process. `ENODEV`: of a removed control group. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ESRCH', 'ENODEV']);
const FORBIDDEN = new Set(['EACCES', 'EPERM']);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const isMissing = (error: unknown): boolean => ABSENT.has(codeOf(error));

/** For `.catch`: the value stands for what does not exist; every other failure remains one. */
export const ifMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isMissing(error)) return value;
    throw error;
  };

/** For looks at processes of any user: what belongs to others is as good as not there. */
export const ifMissingOrForbidden =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isMissing(error) || FORBIDDEN.has(codeOf(error))) return value;
    throw error;
  };

/** Of whatever kind; a link is not followed. */
export const exists = (path: string): Promise<boolean> => lstat(path).then(() => true, ifMissing(false));

/** Synchronous, for the kernel's own files, which are answered from memory. */
export const isPresent = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
