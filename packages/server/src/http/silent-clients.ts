/** Notices a client of a WebSocket that is gone without a word: it is pinged, and cut off when it does not answer. */

/** The part of a WebSocket that this needs. */
export interface Pinged {
  /** Nothing is read of it, answers included. */
  readonly isPaused: boolean;
  on(event: 'pong' | 'close', listener: () => void): unknown;
  ping(): void;
  terminate(): void;
}

const PING_MS = 15_000;

export const cutWhenSilent = (socket: Pinged, intervalMs = PING_MS): void => {
  let isAnswered = true;
  const timer = setInterval(() => {
    if (!isAnswered) return socket.terminate();
    // What is not heard is not missed; where nobody is at the other end, the system says so when it sends the ping.
    isAnswered = socket.isPaused;
    socket.ping();
  }, intervalMs);
  timer.unref();
  socket.on('pong', () => {
    isAnswered = true;
  });
  socket.on('close', () => clearInterval(timer));
};
