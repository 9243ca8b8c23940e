/**
 * A server that takes a connection and says nothing. How long an answer takes depends on the call (an import, a command
 * that is waited for), so no call has a time of its own: while one waits, the server is asked whether it lives, and a
 * server that does not say so ends the call. Streams have heartbeats instead.
 */
import { fail, ROUTES } from '@berth/contract';
import type { TransportAnswer } from './client-type.ts';
import type { Connection } from './request.ts';

export interface CallLimits {
  /** A call that has no answer for so long asks whether the server lives, which has as long to answer. */
  readonly silenceMs: number;
  /** Between two pieces of an answer. */
  readonly pauseMs: number;
}

export const CALL_LIMITS: CallLimits = { silenceMs: 10_000, pauseMs: 60_000 };

const LIVE = ROUTES.find(({ id }) => id === 'system.live')?.path ?? '/';

/** Rejects with `server.silent` when the server neither answers the call nor says that it lives. */
export const whileAlive = async <T>(
  connection: Connection,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const silent = new AbortController();
  const stop = watchOver(connection, () => silent.abort());
  try {
    return await call(signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]));
  } catch (cause) {
    signal?.throwIfAborted();
    if (!silent.signal.aborted) throw cause;
    throw silence(connection, 2 * connection.limits.silenceMs, cause);
  } finally {
    stop();
  }
};

/** Calls back once, when a question was not answered. */
const watchOver = (connection: Connection, onSilence: () => void): (() => void) => {
  const { address, fetch, limits } = connection;
  const over = new AbortController();
  const ask = async (): Promise<void> => {
    const late = AbortSignal.timeout(limits.silenceMs);
    try {
      const answer = await fetch(new URL(LIVE, address), { signal: AbortSignal.any([late, over.signal]) });
      await answer.body?.cancel();
    } catch {
      // A refused connection is the call's own to tell: only silence is looked for here.
      if (late.aborted && !over.signal.aborted) onSilence();
    }
    plan();
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const plan = (): void => {
    if (!over.signal.aborted) timer = setTimeout(ask, limits.silenceMs);
  };
  plan();
  return () => {
    clearTimeout(timer);
    over.abort();
  };
};

/** The whole answer. Rejects with `server.silent` when it stops in the middle, `server.unreachable` when it breaks off. */
export const bodyOf = async (
  connection: Connection,
  { body }: TransportAnswer,
): Promise<Uint8Array<ArrayBuffer>> => {
  const { pauseMs } = connection.limits;
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const reader = body?.getReader();
  for (;;) {
    const { promise: paused, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(silence(connection, pauseMs)), pauseMs);
    try {
      const piece = await Promise.race([reader?.read(), paused]);
      if (piece === undefined || piece.done) return joined(pieces);
      pieces.push(piece.value);
    } catch (cause) {
      // Given up here; what becomes of the connection is nobody's any more.
      void reader?.cancel().catch(() => undefined);
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  }
};

const joined = (pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
};

const silence = ({ address }: Connection, silentMs: number, cause?: unknown) =>
  fail('server.silent', { address, silentMs }, { cause });
