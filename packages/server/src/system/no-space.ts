/** Failures caused by a full disk, or an exhausted quota, are reported as such: the operator can fix them. */
import { statfs } from 'node:fs/promises';
import process from 'node:process';
import { fail, isBerthError } from '@berth/contract';

/** `disk.full` if that is the cause of the failure, otherwise the failure itself. */
export const explainNoSpace = (failure: unknown, folder: string): unknown =>
  saysNoSpace(failure) && !(isBerthError(failure) && failure.code === 'disk.full')
    ? fail('disk.full', { path: folder }, { cause: failure })
    : failure;

/** A failure with its causes, or a program's output. */
export const saysNoSpace = (failure: unknown): boolean => {
  if (typeof failure === 'string') return WORDS.test(failure);
  if (!(failure instanceof Error)) return false;
  const isCode = 'code' in failure && CODES.includes(String(failure.code));
  return isCode || WORDS.test(failure.message) || saysNoSpace(failure.cause);
};

const CODES = ['ENOSPC', 'EDQUOT'];
/**
 * Wording of the system, of Node, of git, which reports no error if only a part was written, and our own on its way
 * through git.
 */
const WORDS =
  /\bthe disk of .* is full\b|\bENOSPC\b|\bEDQUOT\b|no space left on device|disk quota exceeded|out of diskspace/i;

/** Whether anything at all can be written on a folder's file system. */
export const hasRoom = async (folder: string): Promise<boolean> => {
  const { bfree, bavail, files, ffree } = await statfs(folder);
  const blocks = process.getuid?.() === 0 ? bfree : bavail;
  return blocks > 0 && (files === 0 || ffree > 0);
};

/** The same port, whose calls report a full disk. */
export const explainingNoSpace = <T extends object>(port: T, folder: string): T => {
  const told =
    (act: (...given: unknown[]) => unknown) =>
    async (...given: unknown[]): Promise<unknown> => {
      try {
        return await act(...given);
      } catch (error) {
        throw explainNoSpace(error, folder);
      }
    };
  const calls = Object.entries(port).map(([name, act]) => [name, told(act)]);
  // The keys are the port's, and so are the arguments and results of its calls.
  return Object.fromEntries(calls) as T;
};
