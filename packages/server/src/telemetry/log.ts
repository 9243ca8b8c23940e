/** The server's log: one JSON line per operation on stderr, with anything that looks like a secret redacted. */
import { escapeControls } from '@berth/contract';
import type { Log } from '@berth/core';
import { type DestinationStream, type LevelWithSilent, pino } from 'pino';
import { boundedOutput } from './bounded-output.ts';

const STDERR = 2;

/** Names of facts whose values are secrets, in every spelling: `apiKey`, `x-api-key`, `Set-Cookie`, `access_token`. */
const SECRET_NAME = /(?:token|key|secret|password|authorization|cookie)$/i;

/** An identity, not a credential: `ky_01m8…` under `token` says who acted. */
const RECORD_ID = /^[a-z]{2}_[0-9a-z]{16,32}$/;

/**
 * Wherever they occur in a text: our tokens, the keys of the common providers and code hosts, what follows `Bearer`
 * and `Basic`, and the password in a URL.
 */
const SECRET_TEXT =
  /\b(?:berth[a-z]*_[A-Za-z0-9_-]{16,}|sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})|(?<=\b(?:Bearer|Basic) {1,8})[\w.~+/=-]{8,}|(?<=:\/\/[^\s/:@]{0,200}:)[^\s/@]+(?=@)/g;

export const createLog = (level: LevelWithSilent, destination?: DestinationStream): Log => {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => namesCleaned(fields, 0),
      },
    },
    destination ?? boundedOutput(STDERR),
  );
  return {
    debug: (event, fields) => logger.debug(fields, event),
    info: (event, fields) => logger.info(fields, event),
    warn: (event, fields) => logger.warn(fields, event),
    error: (event, fields) => logger.error(fields, event),
  };
};

/** Deeper than any of our facts; what is below is not shown. */
const MAX_DEPTH = 5;

const clean = (value: unknown, depth = 0): unknown => {
  // Lines are read at terminals; JSON itself escapes only some of the characters that terminals interpret.
  if (typeof value === 'string') return escapeControls(value.replaceAll(SECRET_TEXT, '•••'), JSON_ESCAPES);
  if (value instanceof Error) return clean(describe(value));
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (depth === MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.map((one) => clean(one, depth + 1));
  return namesCleaned(value, depth + 1);
};

const namesCleaned = (fields: object, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      SECRET_NAME.test(name) && !isRecordId(value) ? hidden(value) : clean(value, depth),
    ]),
  );

const isRecordId = (value: unknown): boolean => typeof value === 'string' && RECORD_ID.test(value);

const hidden = (value: unknown): unknown => (value === undefined || value === null ? value : '•••');

/** Escaped by JSON: the controls below a space. */
const JSON_ESCAPES = String.fromCharCode(...Array(32).keys());

/** The whole chain of causes in one line. */
const describe = (error: Error): string => {
  const { cause } = error;
  if (cause === undefined) return `${error.name}: ${error.message}`;
  const because = cause instanceof Error ? describe(cause) : String(cause);
  return `${error.name}: ${error.message} ← ${because}`;
};
