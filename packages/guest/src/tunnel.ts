/** `CONNECT 127.0.0.1:<port>`: the server reaches a port inside. Loopback only; there is no other network. */
import type { ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { GUEST_LIMITS, REASON_HEADER } from '@berth/contract/guest';

export const tunnelTo = (authority: string, stream: ServerHttp2Stream): void => {
  const port = Number(/^(?:127\.0\.0\.1|localhost):(\d{1,5})$/.exec(authority)?.[1]);
  if (port >= 1 && port <= 65_535) reach(port, stream);
  else hangUp(stream, 400, 'only ports of 127.0.0.1 can be reached');
};

/** Programs that listen on `localhost` may have chosen either address. */
const LOOPBACKS = ['127.0.0.1', '::1'] as const;

const reach = (
  port: number,
  stream: ServerHttp2Stream,
  [host, ...others]: readonly string[] = LOOPBACKS,
): void => {
  const socket = connect({ port, host: host ?? '', allowHalfOpen: true, noDelay: true });
  socket.setTimeout(GUEST_LIMITS.tunnelIdleMs, () => socket.destroy());
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (stream.headersSent || stream.destroyed) return;
    if (others.length === 0 || error.code !== 'ECONNREFUSED') hangUp(stream, 502, error.message);
    else reach(port, stream, others);
  });
  socket.once('connect', () => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200 });
    join(stream, socket);
  });
  stream.once('close', () => socket.destroy());
};

/** Joins two streams both ways. An end is forwarded; an abort of either aborts the other. */
export const join = (a: Duplex, b: Duplex): void => {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.once('close', () => {
      if (!from.readableEnded) to.destroy();
    });
  }
};

const hangUp = (stream: ServerHttp2Stream, status: number, reason: string): void => {
  if (stream.destroyed) return;
  stream.respond({ ':status': status, [REASON_HEADER]: reason.replace(/[^ -~]/g, '?') }, { endStream: true });
};
