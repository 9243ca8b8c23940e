/** The log of the server: one JSON line per operation on stderr, with anything that looks like a secret taken out. */
import type { Log } from '@berth/core';
import { type DestinationStream, type LevelWithSilent, pino } from 'pino';
import { boundedOutput } from './bounded-output.ts';

const STDERR = 2;

const SECRET_FIELDS = ['token', 'key', 'secret', 'password', 'authorization', 'cookie', 'apiKey'];

/** Tokens of ours and the keys of the common providers, wherever they stand in a text. */
const SECRET_TEXT =
  /\b(?:berth[a-z]*_[A-Za-z0-9_-]{16,}|sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,})/g;

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

/** Deeper than any facts of ours; what lies below is not shown. */
const MAX_DEPTH = 5;

const clean = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return value.replaceAll(SECRET_TEXT, '•••');
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
      SECRET_FIELDS.includes(name) ? '•••' : clean(value, depth),
    ]),
  );

/** The whole chain of causes in one line. */
const describe = (error: Error): string => {
  const { cause } = error;
  if (cause === undefined) return `${error.name}: ${error.message}`;
  const because = cause instanceof Error ? describe(cause) : String(cause);
  return `${error.name}: ${error.message} ← ${because}`;
};
