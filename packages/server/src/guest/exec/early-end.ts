/**
 * Bytes that a guest sent before its session was made lie in the stream's buffer. Node's HTTP/2 hands them over one
 * tick after it made the session, and when that has ended meanwhile (the sandbox is being removed, the guest hung up)
 * throws a TypeError where nobody can catch it, which ends the whole server. So they are dropped one moment earlier.
 */
import process from 'node:process';
import type { Duplex } from 'node:stream';

/** To be called right before the session is made: ticks run in the order in which they were asked for. */
export const dropBytesOfEnded = (duplex: Duplex, hasEnded: () => boolean): void =>
  process.nextTick(() => {
    if (hasEnded()) duplex.read();
  });
