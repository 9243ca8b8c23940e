/**
 * Bodies of JSON: UTF-8 without a byte order mark, bounded in depth and members before they are parsed. A body is
 * held in memory during its call, so memory is reserved before it is read.
 */
import { fail } from '@berth/contract';
import { excessOf } from '@berth/plugin-api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createFairShare } from '../system/fair-share.ts';
import { BODY_LIMIT_BYTES } from './errors.ts';

/** Shared by callers: a text and its parsed value take several times as much. */
const BODIES = {
  what: 'request bytes',
  total: 64 * 2 ** 20,
  perOwner: 16 * 2 ** 20,
  waitingPerOwner: 1000,
  waitMs: 60_000,
} as const;
/** Not counted: there are never more of them than connections. */
const SMALL_BYTES = 16_384;

export type BodyRoom = (request: FastifyRequest, reply: FastifyReply, owner: string) => Promise<void>;

/** Resolves when memory is reserved, which is released at the end of the response. Rejects with `server.busy`. */
export const createBodyRoom = (): BodyRoom => {
  const bodies = createFairShare(BODIES);
  return async ({ headers }, { raw }, owner) => {
    const stated = headers['content-length'] ?? (headers['transfer-encoding'] === undefined ? 0 : Infinity);
    const sizeBytes = Math.min(Number(stated), BODY_LIMIT_BYTES);
    if (!(sizeBytes > SMALL_BYTES)) return;
    const gone = new AbortController();
    raw.once('close', () => gone.abort());
    const giveBack = await bodies.take(owner, sizeBytes, gone.signal);
    if (raw.destroyed) giveBack();
    else raw.once('close', giveBack);
  };
};

export const takeJson = (app: FastifyInstance): void => {
  const parse = app.getDefaultJsonParser('error', 'error');
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const textOf = (bytes: Buffer): string => {
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw refused('', 'it is not UTF-8', error);
    }
  };
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      const text = textOf(Buffer.from(bytes));
      if (text.startsWith(BYTE_ORDER_MARK))
        throw refused('', 'it begins with a byte order mark (U+FEFF); send JSON without one');
      const excess = excessOf(text);
      if (excess !== undefined) throw refused(excess.path, excess.message);
      void parse(request, text, done);
    } catch (error) {
      done(error as Error); // what is thrown here is a BerthError
    }
  });
};

const BYTE_ORDER_MARK = '\ufeff';

const refused = (path: string, message: string, cause?: unknown) =>
  fail('request.invalid', { issues: [{ path: `body${path}`, message }] }, { cause });
