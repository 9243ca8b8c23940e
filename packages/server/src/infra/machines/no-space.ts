/** A driver that fails because the disk is full fails for a reason that the operator can mend: it is told as such. */
import { type BerthError, fail } from '@berth/contract';

/** `disk.full` when that is behind the failure, else the failure itself. */
export const tellNoSpace = (failure: unknown, folder: string): unknown =>
  saysNoSpace(failure)
    ? (fail('disk.full', { path: folder }, { cause: failure }) satisfies BerthError)
    : failure;

const saysNoSpace = (failure: unknown): boolean =>
  failure instanceof Error &&
  (('code' in failure && failure.code === 'ENOSPC') ||
    /\bENOSPC\b|no space left on device/i.test(failure.message) ||
    saysNoSpace(failure.cause));
