/**
 * What programs inside connect to: a forward proxy (CONNECT and absolute URLs) and `http://berth.internal`, both on
 * loopback. Neither decides anything: every request is forwarded to the server, which does.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { endToEnd, GUEST_LIMITS, INTERNAL_AUTHORITY, REASON_HEADER } from '@berth/contract/guest';
import { join } from '../tunnel.ts';
import type { Uplink } from './uplink.ts';

/**
 * Not an ESM import: that evaluates every export of a module, and one of this module's loads Node's whole `fetch`,
 * which takes longer than the rest of the guest's start-up.
 */
const { createServer } = process.getBuiltinModule('node:http');

export interface Listener {
  readonly port: number;
  close(): void;
}

/** Resolves when connections succeed; rejects when the port is not available. */
export const listenInternal = async (uplink: Uplink, port: number): Promise<Listener> => {
  const server = createServer(LENIENT);
  const listening = await listen(server, port);
  const names = [INTERNAL_AUTHORITY, '127.0.0.1', 'localhost'];
  const hosts = new Set(names.flatMap((name) => [name, `${name}:${listening.port}`]));
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hosts.has(request.headers.host ?? '')) return decline(response, 421, 'unknown host');
    if (request.url?.startsWith('/') !== true) return decline(response, 400, 'expected a path');
    void forward(uplink, request, response, { authority: INTERNAL_AUTHORITY, path: request.url ?? '/' });
  });
  return listening;
};

export const listenProxy = async (uplink: Uplink, port: number): Promise<Listener> => {
  const server = createServer(LENIENT);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = URL.parse(request.url ?? '');
    if (url?.protocol !== 'http:') return decline(response, 400, 'expected http://host/path or CONNECT');
    void forward(uplink, request, response, { authority: url.host, path: `${url.pathname}${url.search}` });
  });
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    void tunnel(uplink, String(request.url), socket, head);
  });
  return listen(server, port);
};

/** Bodies have no timeout (models think for minutes); headers do. */
const LENIENT = { requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 60_000 };

const listen = async (server: Server, port: number): Promise<Listener> => {
  server.maxConnections = GUEST_LIMITS.outwardConnections;
  server.setTimeout(GUEST_LIMITS.outwardIdleMs);
  server.on('clientError', (_error, socket: Duplex) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

interface Destination {
  readonly authority: string;
  readonly path: string;
}

const forward = async (
  uplink: Uplink,
  request: IncomingMessage,
  response: ServerResponse,
  { authority, path }: Destination,
): Promise<void> => {
  const stream = await uplink.request({
    ...endToEnd(request.headers, ['host']),
    ':method': request.method ?? 'GET',
    ':scheme': 'http',
    ':authority': authority,
    ':path': path,
  });
  if (stream === undefined)
    return decline(response, 503, 'the Berth server is not connected to this sandbox');
  response.once('close', () => {
    if (!response.writableFinished) stream.close();
  });
  stream.once('error', () => response.destroy());
  stream.once('close', () => {
    if (!response.headersSent) decline(response, 502, 'the Berth server aborted the response');
    else if (!stream.readableEnded) response.destroy();
  });
  stream.once('response', (headers) => {
    response.writeHead(statusOf(headers), endToEnd(headers, ['host']));
    // Flush headers now: an event stream may be silent for long.
    response.flushHeaders();
    stream.pipe(response);
  });
  request.pipe(stream);
};

const tunnel = async (uplink: Uplink, authority: string, socket: Socket, head: Buffer): Promise<void> => {
  socket.on('error', () => socket.destroy());
  const stream = /^[^\s/@]+:\d{1,5}$/.test(authority)
    ? await uplink.request({ ':method': 'CONNECT', ':authority': authority })
    : undefined;
  if (stream === undefined)
    return refuseTunnel(socket, 503, 'the Berth server is not connected to this sandbox');
  socket.once('close', () => stream.close());
  stream.once('error', () => socket.destroy());
  stream.once('response', (headers) => {
    const status = statusOf(headers);
    if (status !== 200) return relayRefusal(socket, stream, headers);
    socket.setTimeout(GUEST_LIMITS.tunnelIdleMs, () => socket.destroy());
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) stream.write(head);
    join(stream, socket);
  });
};

const relayRefusal = (
  socket: Socket,
  stream: ClientHttp2Stream,
  headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
): void => {
  stream.close();
  refuseTunnel(socket, statusOf(headers), String(headers[REASON_HEADER] ?? 'refused'));
};

const refuseTunnel = (socket: Socket, status: number, reason: string): void => {
  const clean = reason.replace(/[^ -~]/g, '?');
  socket.end(
    `HTTP/1.1 ${status} Refused\r\n${REASON_HEADER}: ${clean}\r\ncontent-length: ${clean.length + 1}\r\n` +
      `connection: close\r\n\r\n${clean}\n`,
  );
};

const decline = (response: ServerResponse, status: number, reason: string): void => {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': 'text/plain', [REASON_HEADER]: reason, connection: 'close' });
  response.end(`berth: ${reason}\n`);
};

const statusOf = (headers: IncomingHttpStatusHeader): number => Number(headers[':status'] ?? 502);
