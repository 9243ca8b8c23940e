/**
 * A value that must never be shown: it prints as ••• in JSON, logs, templates, `inspect` and errors. The only way to
 * the text is `reveal`, which is easy to search for.
 */
import { inspect } from 'node:util';

const SHOWN = '•••';

export interface Secret {
  /** The text itself. Call it where the text is used, never to pass it on. */
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

export const secret = (text: string): Secret =>
  // The text is held in a closure, so no property walk, clone or serialiser can find it.
  Object.freeze({
    reveal: () => text,
    toString: () => SHOWN,
    toJSON: () => SHOWN,
    [Symbol.toPrimitive]: () => SHOWN,
    [inspect.custom]: () => SHOWN,
  });
