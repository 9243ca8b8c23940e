/** Converts failures to and from their stored form. */
import { BerthError, ERRORS, type ErrorBody, type ErrorShape, fail, isBerthError } from '@berth/contract';

/**
 * Turns anything thrown into an error with a code. An error without one is a bug: its text stays in the log,
 * where the reference finds it.
 */
export const failureOf = (thrown: unknown, reference: string): BerthError =>
  isBerthError(thrown)
    ? thrown
    : fail('server.failed', { reference }, { cause: thrown, internal: String(thrown) });

export const isRetryable = (thrown: unknown): boolean => isBerthError(thrown) && thrown.retryable;

/**
 * Rebuilds the error that a record stores, so that it can be thrown. A code from a later version becomes
 * `internal`.
 */
export const revive = (body: ErrorBody): BerthError => {
  const catalogue: Readonly<Record<string, ErrorShape>> = ERRORS;
  return new BerthError({
    code: body.code,
    kind: catalogue[body.code]?.kind ?? 'internal',
    message: body.message,
    ...(body.details === undefined ? {} : { details: body.details }),
    ...(body.hint === undefined ? {} : { hint: body.hint }),
  });
};

/** The stored form of an error. */
export const bodyOf = (error: BerthError): ErrorBody => ({ ...error.body });
