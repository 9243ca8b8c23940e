/** Forwards a plain HTTP request with an absolute URL over the dialled socket. */
import { type ClientRequest, type RequestOptions, request as send } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { endToEnd } from '@berth/contract/guest';
import type { Allowed } from './admission.ts';
import { parseAuthority } from './host.ts';

/** The answers of other proxies are not meant for the sandbox. */
const OF_PROXIES = ['proxy-authenticate'];

export const forwardRequest = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  allowed: Allowed,
): void => {
  const { socket } = allowed.open;
  let denied: string | undefined;
  // The socket serves only this one request.
  socket.once('close', () => allowed.end({ sent: socket.bytesWritten, received: socket.bytesRead }, denied));
  denied = objectionTo(request, allowed);
  if (denied !== undefined) {
    socket.destroy();
    refuse(response, 403, denied);
    return;
  }
  socket.setTimeout(allowed.limits.idleTimeoutMs, () => socket.destroy());
  const outward = sendOn(socket, {
    method: request.method,
    path: request.url,
    headers: { ...endToEnd(request.headers, OF_PROXIES), host: request.authority, connection: 'close' },
    setHost: false,
  });
  relay(outward, request, response, () => socket.destroy());
};

/**
 * A body is always framed, whatever the method: bytes after a head without a length would be read as the next request
 * (request smuggling). HTTP/2 enforces a declared length. What Node refuses to write (an invalid method or path) must
 * not leave the connection open.
 */
const sendOn = (socket: Socket, options: RequestOptions): ClientRequest => {
  try {
    const outward = send({ ...options, createConnection: () => socket });
    outward.useChunkedEncodingByDefault = true;
    return outward;
  } catch (error) {
    socket.destroy();
    throw error;
  }
};

const relay = (
  outward: ClientRequest,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  hangUp: () => void,
): void => {
  outward.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers, OF_PROXIES));
    answer.on('error', () => response.stream.close()).pipe(response);
  });
  outward.on('error', () => {
    hangUp();
    if (response.headersSent) response.stream.close();
    else refuse(response, 502, 'the remote server aborted the response');
  });
  response.once('close', hangUp);
  request.on('error', hangUp).pipe(outward);
};

const objectionTo = (request: Http2ServerRequest, { target }: Allowed): string | undefined => {
  if (request.scheme !== 'http') return 'only http URLs can be requested this way; use CONNECT';
  if (target.port === 443) return 'this port is for TLS';
  // A server prefers a host in the request target over the Host header.
  if (!request.url.startsWith('/')) return 'the target of the request is not a path';
  const { host } = request.headers;
  if (host === undefined) return undefined;
  return parseAuthority(host, 80)?.host === target.host ? undefined : 'the Host header names another host';
};

const refuse = (response: Http2ServerResponse, status: number, reason: string): void => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`berth: ${reason}\n`);
};
