/**
 * Connections of one listener. Connections without a valid token so far are anonymous, and anyone on the machine can
 * open any number of them: their number is limited, and the oldest is closed for the newest, so that a client that
 * presents a token immediately always gets in. Authenticated connections are never closed for that.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface Connections {
  /**
   * A request on it carried a valid token. False, and it is closed, when the limit of authenticated connections is
   * reached.
   */
  trust(socket: Socket): boolean;
}

export interface ConnectionLimits {
  readonly strangers: number;
  readonly trusted: number;
}

export const limitConnections = (server: Server, limits: ConnectionLimits): Connections => {
  /** In order of arrival. */
  const strangers = new Set<Socket>();
  const trusted = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    const [oldest] = strangers;
    if (strangers.size >= limits.strangers && oldest !== undefined) {
      strangers.delete(oldest);
      oldest.destroy();
    }
    strangers.add(socket);
    socket.once('close', () => {
      strangers.delete(socket);
      trusted.delete(socket);
    });
  });
  return {
    trust: (socket) => {
      // Of the other listener, or already known.
      if (!strangers.has(socket)) return true;
      if (trusted.size >= limits.trusted) return false;
      strangers.delete(socket);
      trusted.add(socket);
      return true;
    },
  };
};
