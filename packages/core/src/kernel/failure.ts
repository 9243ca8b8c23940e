/** Failures on their way into a record and back. */
import { BerthError, ERRORS, type ErrorBody, type ErrorShape, fail, isBerthError } from '@berth/contract';

/**
 * What is thrown, as a failure with a code. What has none is a bug: its text stays in the log, found there by the
 * reference.
 */
export const failureOf = (thrown: unknown, reference: string): BerthError =>
  isBerthError(thrown)
    ? thrown
    : fail('server.failed', { reference }, { cause: thrown, internal: String(thrown) });

export const isRetryable = (thrown: unknown): boolean => isBerthError(thrown) && thrown.retryable;

/** The error that a record tells of, to be thrown again. A code of a later version counts as internal. */
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

/** The wire form for a record. */
export const bodyOf = (error: BerthError): ErrorBody => ({ ...error.body });
