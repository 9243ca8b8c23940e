/**
 * Errors of the relay in the format of each API's client library. The code is also in the message: most agents show
 * nothing else, and the failure is recognised later from what they show.
 */
import type { BerthError } from '@berth/contract';
import type { ModelProvider } from '../../config/config.ts';

export const wireError = (wire: ModelProvider['wire'], status: number, error: BerthError): string => {
  const message = `${error.message} (${error.code})`;
  switch (wire) {
    case 'openai':
      return JSON.stringify({ error: { message, type: error.code, param: null, code: error.code } });
    case 'anthropic':
      return JSON.stringify({
        type: 'error',
        error: { type: ANTHROPIC_TYPES[status] ?? 'api_error', message, code: error.code },
      });
    case 'gemini':
      return JSON.stringify({
        error: { code: status, message, status: GOOGLE_STATUSES[status] ?? 'UNAVAILABLE' },
      });
  }
};

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
};

const GOOGLE_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
};
