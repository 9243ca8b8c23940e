/** One request to a provider, with a timeout on every wait. Redirects are not followed. */
import { type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface UpstreamLimits {
  readonly connectMs: number;
  /** Until the first byte of the response: models think. */
  readonly firstByteMs: number;
  /** Between two chunks of the response. */
  readonly idleMs: number;
}

export interface UpstreamRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  readonly signal: AbortSignal;
  /** Called when the whole body has been sent. */
  readonly onSent: () => void;
}

/** Rejects when it cannot connect, on timeout, or when aborted. */
export const askUpstream = (asked: UpstreamRequest, limits: UpstreamLimits): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const { url, method, headers, body, signal, onSent } = asked;
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method,
      headers,
      signal,
    });
    const giveUp = (what: string, ms: number) =>
      setTimeout(() => request.destroy(new UpstreamTimeout(`${what} within ${ms} ms`)), ms);
    const connecting = giveUp('no connection', limits.connectMs);
    const waiting = giveUp('no answer', limits.firstByteMs);
    request.once('socket', (socket) => {
      const connected = () => clearTimeout(connecting);
      if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      else connected();
    });
    request.once('close', () => clearTimeout(connecting));
    request.once('finish', onSent);
    request.once('error', (error) => {
      clearTimeout(connecting);
      clearTimeout(waiting);
      reject(error);
    });
    request.once('response', (response) => {
      clearTimeout(waiting);
      response.setTimeout(limits.idleMs, () => {
        response.destroy(new UpstreamTimeout(`no data for ${limits.idleMs} ms`));
      });
      resolve(response);
    });
    request.end(body);
  });

class UpstreamTimeout extends Error {
  override readonly name = 'UpstreamTimeout';
}
