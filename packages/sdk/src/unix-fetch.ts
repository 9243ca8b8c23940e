import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import type { Transport, TransportInit } from './client-type.ts';

/**
 * A transport over a Unix socket, whatever the host of the URL. It returns only the used part of a `Response`: the
 * first `Response` of a process loads all of `fetch`, half the run time of a command.
 */
export const unixFetch =
  (socketPath: string): Transport =>
  async (url, init) => {
    const answer = await answerTo(socketPath, url, init);
    const status = answer.statusCode ?? 500;
    // Node's web stream and the DOM's are the same class under two types.
    const body = Readable.toWeb(answer) as ReadableStream<Uint8Array<ArrayBuffer>>;
    return { ok: status >= 200 && status < 300, status, body };
  };

const answerTo = (socketPath: string, url: URL, init: TransportInit): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path: `${url.pathname}${url.search}`,
      method: init.method ?? 'GET',
      headers: { host: 'localhost', ...init.headers },
      ...(init.signal ? { signal: init.signal } : {}),
    });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(init.body ?? undefined);
  });
