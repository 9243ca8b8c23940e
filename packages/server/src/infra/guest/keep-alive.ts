/** Notices a guest that fell silent: a ping at an interval, and the end of the session when one is not answered. */
import type { Http2Session } from 'node:http2';

export const keepAlive = (session: Http2Session, intervalMs = PING_MS): void => {
  let outstanding = false;
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    if (outstanding) {
      session.destroy(new RangeError(`the guest did not answer a ping within ${intervalMs} ms`));
      return;
    }
    outstanding = true;
    session.ping(() => {
      outstanding = false;
    });
  }, intervalMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
};

const PING_MS = 15_000;
