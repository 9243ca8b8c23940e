import { fail } from '@berth/contract';
import type { Connection } from './request.ts';

/**
 * A WebSocket to the server. Browsers cannot set headers on it, so the token travels as a subprotocol. Over a Unix
 * socket there is none: callers use the server's TCP address (`system.health().address`) for terminals.
 */
export const openSocket = ({ address, token }: Connection, url: URL): WebSocket => {
  if (!/^https?:$/.test(url.protocol))
    throw fail('server.unreachable', { address, detail: 'terminals need the http address of the server' });
  const target = new URL(url);
  target.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(target, token === undefined ? [] : [`berth.token.${token}`]);
  socket.binaryType = 'arraybuffer';
  return socket;
};
