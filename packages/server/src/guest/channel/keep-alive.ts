/** Notices a guest that fell silent: a ping at an interval, and the end of the session when one is not answered. */
import type { Http2Session } from 'node:http2';
import { type GuestLiveness, SILENCE_MS } from './liveness.ts';

export const keepAlive = (session: Http2Session, hearing?: GuestLiveness): void => {
  // A guest that is there is heard twice before it counts as silent.
  const intervalMs = (hearing?.silenceMs ?? SILENCE_MS) / 2;
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
      hearing?.heard();
    });
  }, intervalMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
};
