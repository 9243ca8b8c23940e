/** Derived from the catalogue: codes as types, errors to throw, and their wire form. */
import { z } from 'zod';
import { ERRORS } from './error-catalogue.ts';
import { BerthError, type ErrorShape, hintFor, KINDS, type Kind } from './kernel/error.ts';

export type ErrorCode = keyof typeof ERRORS;
export type ErrorData<C extends ErrorCode> = z.infer<(typeof ERRORS)[C]['data']>;

/** The HTTP status of a code: that of its kind, except where HTTP has a more specific status. */
export const statusOf = (code: ErrorCode): number =>
  code === 'request.too_large' ? 413 : KINDS[ERRORS[code].kind].status;

/** Errors that any route may answer. */
export const COMMON_ERRORS = [
  'request.invalid',
  'request.too_large',
  'auth.required',
  'auth.forbidden',
  'auth.origin_refused',
  'server.failed',
] as const satisfies readonly ErrorCode[];

/** Makes the error of a code: `throw fail('record.missing', { noun: 'task', id })`. */
export const fail = <C extends ErrorCode>(
  code: C,
  data: ErrorData<C>,
  options: { cause?: unknown; internal?: string } = {},
): BerthError => {
  const shape: ErrorShape = ERRORS[code];
  return new BerthError(
    {
      code,
      kind: shape.kind,
      message: shape.message(data),
      details: data,
      ...(shape.hint === undefined ? {} : { hint: hintFor(shape.hint, data) }),
    },
    options,
  );
};

/** The wire form of a failure in a record or an answer. */
export const ErrorBody = z
  .object({
    code: z.string(),
    message: z.string(),
    details: z.unknown().optional(),
    hint: z.string().optional(),
  })
  .meta({ id: 'Error' });
export type ErrorBody = z.infer<typeof ErrorBody>;

/** The body of every error answer, and the data of an `error` message in a stream. */
export const ErrorAnswer = z.object({ error: ErrorBody }).meta({ id: 'ErrorAnswer' });

/** The error in a body; `kind` covers codes unknown to this version. */
export const errorOfBody = ({ code, message, details, hint }: ErrorBody, kind: Kind): BerthError =>
  new BerthError({
    code,
    kind: Object.entries(ERRORS).find(([known]) => known === code)?.[1].kind ?? kind,
    message,
    details,
    ...(hint === undefined ? {} : { hint }),
  });
