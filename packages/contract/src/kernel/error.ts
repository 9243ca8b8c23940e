/**
 * Errors as data. Every failure that crosses a boundary (process, package, network) is a `BerthError` with a
 * code from the catalogue (`../errors.ts`). The code has one of eleven kinds; the kind alone decides the HTTP
 * status, the exit code of the CLI and whether a retry can help.
 */
import type { z } from 'zod';

export const KINDS = {
  invalid: { status: 400, exit: 2, retry: false },
  unauthenticated: { status: 401, exit: 3, retry: false },
  forbidden: { status: 403, exit: 3, retry: false },
  missing: { status: 404, exit: 4, retry: false },
  conflict: { status: 409, exit: 5, retry: false },
  gone: { status: 410, exit: 4, retry: false },
  exhausted: { status: 429, exit: 6, retry: true },
  unsupported: { status: 501, exit: 7, retry: false },
  unavailable: { status: 503, exit: 6, retry: true },
  timeout: { status: 504, exit: 6, retry: true },
  internal: { status: 500, exit: 1, retry: false },
} as const;

export type Kind = keyof typeof KINDS;

export interface ErrorShape {
  readonly kind: Kind;
  /** What the reader may know about this failure; the message is built from it. */
  readonly data: z.ZodType;
  /** One sentence for the user. `data` has been checked against the schema above. */
  // biome-ignore lint/suspicious/noExplicitAny: the catalogue is heterogeneous; `fail` is typed per code.
  readonly message: (data: any) => string;
  /** What to do next, where a hint helps. `<id>` is replaced by the field of that name in the data. */
  readonly hint?: string;
}

/** The hint with its placeholders filled in; those without data stay placeholders. */
export const hintFor = (hint: string, data: object): string => {
  const known = new Map<string, unknown>(Object.entries(data));
  return hint.replace(/<([a-z]+)>/g, (place, name) => {
    const value = known.get(name);
    return typeof value === 'string' ? value : place;
  });
};

/** The body of every error answer, and of `error` fields in records. */
interface Body {
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly hint?: string;
}

const MARK = Symbol.for('berth.error');

/**
 * A failure with a code. Recognised by `isBerthError`, never by `instanceof`: several copies of this package may be
 * loaded.
 */
export class BerthError extends Error {
  readonly [MARK] = true;
  readonly code: string;
  readonly kind: Kind;
  readonly details: unknown;
  readonly hint: string | undefined;
  /** Only for the operator's log; never sent to a client. */
  readonly internal: string | undefined;

  constructor(body: Body & { kind: Kind }, options: { cause?: unknown; internal?: string } = {}) {
    super(body.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BerthError';
    this.code = body.code;
    this.kind = body.kind;
    this.details = body.details;
    this.hint = body.hint;
    this.internal = options.internal;
  }

  get retryable(): boolean {
    return KINDS[this.kind].retry;
  }

  get body(): Body {
    return {
      code: this.code,
      message: this.message,
      ...(this.details === undefined ? {} : { details: this.details }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    };
  }
}

export const isBerthError = (thrown: unknown): thrown is BerthError =>
  typeof thrown === 'object' && thrown !== null && MARK in thrown;
