/** Bodies of JSON: UTF-8 without a byte order mark, bounded in depth and members before they are parsed. */
import { fail } from '@berth/contract';
import { excessOf } from '@berth/plugin-api';
import type { FastifyInstance } from 'fastify';

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
