/**
 * Connections of one door. Whoever has shown no token yet is a stranger, and anybody on the machine can be one as often as
 * they like: strangers have few places, and the oldest gives its own to the newest, so that who holds a token and asks
 * at once always gets in. Connections with a token are never closed for that.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface Connections {
  /** A valid token came with a request on it. False, and it is closed, when there are as many such as there may be. */
  trust(socket: Socket): boolean;
}

export interface ConnectionLimits {
  readonly strangers: number;
  readonly trusted: number;
}

export const limitConnections = (server: Server, limits: ConnectionLimits): Connections => {
  /** In the order in which they came. */
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
      // Of the other door, or known already.
      if (!strangers.has(socket)) return true;
      if (trusted.size >= limits.trusted) return false;
      strangers.delete(socket);
      trusted.add(socket);
      return true;
    },
  };
};
