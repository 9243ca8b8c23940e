/** Every failure is sent as `{ error: { code, message, details, hint } }`; internal details stay in the log. */
import {
  type BerthError,
  ERRORS,
  type ErrorCode,
  fail,
  isBerthError,
  KINDS,
  statusOf,
} from '@berth/contract';
import { cancelled, isStop, type Log } from '@berth/core';
import { saysNoSpace } from '../system/no-space.ts';

/** The limit of a JSON body. */
export const BODY_LIMIT_BYTES = 1_048_576;
/** Maximum length of an id in a URL. */
export const PARAMETER_LIMIT_CHARACTERS = 500;
/** Retry-After of `server.busy`. */
export const RETRY_AFTER_S = 2;

/** Maps Fastify's own errors to the catalogue. Unknown ones become `server.failed`. */
export const toBerthError = (thrown: unknown, reference: string): BerthError => {
  if (isBerthError(thrown)) return thrown;
  if (isStop(thrown)) return cancelled('the server is stopping');
  const code = fastifyCode(thrown);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return fail('request.too_large', { limitBytes: BODY_LIMIT_BYTES });
  const issue = code === undefined ? undefined : REFUSALS[code];
  if (issue !== undefined) return fail('request.invalid', { issues: [issue] }, { cause: thrown });
  if (thrown instanceof SyntaxError && 'statusCode' in thrown && thrown.statusCode === 400) {
    return fail(
      'request.invalid',
      { issues: [{ path: 'body', message: 'must be JSON' }] },
      { cause: thrown },
    );
  }
  if (saysNoSpace(thrown)) return fail('disk.full', { path: 'the server' }, { cause: thrown });
  return fail('server.failed', { reference }, { cause: thrown });
};

export const statusOfError = (error: BerthError): number =>
  error.code in ERRORS ? statusOf(error.code as ErrorCode) : KINDS[error.kind].status;

export const logFailure = (log: Log, operation: string, error: BerthError, reference: string): void => {
  if (error.kind !== 'internal' && error.kind !== 'unavailable') return;
  // A readiness probe, sent several times at each start.
  if (error.code === 'server.not_ready') return;
  const fields = {
    outcome: 'failed',
    code: error.code,
    kind: error.kind,
    reference,
    internal: error.internal,
  };
  log[error.kind === 'internal' ? 'error' : 'warn'](operation, { ...fields, causes: causesOf(error) });
};

/** The whole chain of causes, outermost first. */
const causesOf = (error: unknown): string[] => {
  const causes: string[] = [];
  for (let cause = error; cause !== undefined && causes.length < 10; ) {
    causes.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
};

const contentType = { path: 'headers.content-type', message: 'this route does not accept this content type' };

const REFUSALS: Readonly<Record<string, { path: string; message: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: contentType,
  FST_ERR_CTP_INVALID_TYPE: contentType,
  FST_ERR_CTP_EMPTY_JSON_BODY: { path: 'body', message: 'must be JSON, and is empty' },
  FST_ERR_CTP_INVALID_JSON_BODY: { path: 'body', message: 'must be JSON' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    path: 'headers.content-length',
    message: 'differs from the size of the body',
  },
  FST_ERR_MAX_PARAM_LENGTH: {
    path: 'url',
    message: `has an id that is longer than ${PARAMETER_LIMIT_CHARACTERS} characters`,
  },
  FST_ERR_BAD_URL: { path: 'url', message: 'must be a valid URL' },
};

const fastifyCode = (thrown: unknown): string | undefined =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
