import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';

/** A `fetch` whose connections go to a Unix socket, whatever the host of the URL. */
export const unixFetch =
  (socketPath: string): typeof fetch =>
  async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const response = await answerTo(socketPath, url, init);
    const status = response.statusCode ?? 500;
    const hasBody = status !== 204 && status !== 304;
    // Node's web stream and the DOM's are the same class under two types.
    const body = hasBody ? (Readable.toWeb(response) as ReadableStream<Uint8Array<ArrayBuffer>>) : null;
    return new Response(body, { status, headers: headersOf(response) });
  };

const answerTo = (socketPath: string, url: URL, init: RequestInit): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path: `${url.pathname}${url.search}`,
      method: init.method ?? 'GET',
      headers: { host: 'localhost', ...Object.fromEntries(new Headers(init.headers)) },
      ...(init.signal ? { signal: init.signal } : {}),
    });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(init.body ?? undefined);
  });

const headersOf = (response: IncomingMessage): Headers => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers))
    for (const one of [value ?? []].flat()) headers.append(name, one);
  return headers;
};
