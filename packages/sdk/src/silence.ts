/**
 * Detects a server that accepts a connection and sends nothing. How long an answer takes depends on the call (an
 * import, a command), so calls have no timeout: while one waits, a liveness request is sent, and the call fails when
 * that is not answered. Streams have heartbeats instead.
 */
import { fail, ROUTES } from '@berth/contract';
import type { TransportAnswer } from './client-type.ts';
import type { Connection } from './request.ts';

export interface CallLimits {
  /** After this long without an answer, a call probes liveness, with the same timeout. */
  readonly silenceMs: number;
  /** Between two chunks of a response. */
  readonly pauseMs: number;
}

export const CALL_LIMITS: CallLimits = { silenceMs: 10_000, pauseMs: 60_000 };

const LIVE = ROUTES.find(({ id }) => id === 'system.live')?.path ?? '/';

/** Rejects with `server.silent` when the server answers neither the call nor the liveness probe. */
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

/** Calls back once, when a probe was not answered. */
const watchOver = (connection: Connection, onSilence: () => void): (() => void) => {
  const { address, fetch, limits } = connection;
  const over = new AbortController();
  const ask = async (): Promise<void> => {
    const late = AbortSignal.timeout(limits.silenceMs);
    try {
      const answer = await fetch(new URL(LIVE, address), { signal: AbortSignal.any([late, over.signal]) });
      await answer.body?.cancel();
    } catch {
      // A refused connection is reported by the call itself: only silence is detected here.
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

/**
 * The complete response. Rejects with `server.silent` when it stops in the middle, `server.unreachable` when it
 * breaks off.
 */
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
      // Abandoned: the outcome of the connection no longer matters.
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
