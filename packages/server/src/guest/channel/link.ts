/**
 * A sandbox's control connection, renewed when it breaks. The guest keeps what runs inside alive, so an idempotent
 * call is retried on a fresh connection, a few times, before the sandbox counts as unreachable.
 */

import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Control, openControl } from './control.ts';
import { createGuestLiveness, SILENCE_MS } from './liveness.ts';
import { mayRecover, unreachable } from './preface.ts';

export interface Link {
  /** For idempotent calls. */
  repeat<T>(act: (control: Control) => Promise<T>): Promise<T>;
  /** For the others: tried once, on a connection that looks healthy. `since`: when the call began, by default now. */
  once<T>(act: (control: Control) => Promise<T>, since?: number): Promise<T>;
  /** Before a retry of a call that began at `since`. Rejects when the guest has been silent for too long. */
  pause(ms: number, since: number): Promise<void>;
  /** Throws `sandbox.unreachable` once it is closed. */
  assertOpen(): void;
  close(): void;
}

export interface LinkParts {
  readonly id: string;
  readonly connect: () => Promise<Duplex>;
  /** Of the guest, while a call is waiting for it; `SILENCE_MS` when absent. */
  readonly silenceMs?: number | undefined;
  readonly streamWindowBytes?: number | undefined;
}

/** Delays before the second and later attempts. */
export const RETRY_DELAYS_MS: readonly number[] = [20, 200, 1000, 3000];

export const createLink = (parts: LinkParts): Link => {
  const { id, connect, silenceMs = SILENCE_MS, streamWindowBytes } = parts;
  let current: Promise<Control> | undefined;
  let closed = false;
  const hangUp = (): void => void current?.then((made) => made.close()).catch(() => undefined);
  const hearing = createGuestLiveness({ id, silenceMs, hangUp });

  const assertOpen = (): void => {
    if (closed) throw unreachable(id, 'the connection was closed by the server');
  };
  const control = async (): Promise<Control> => {
    assertOpen();
    const held = current;
    const made = await held?.catch(() => undefined);
    if (made?.open === true) return made;
    // Callers that find the connection broken at the same time share the new one.
    const renewed = current === held || current === undefined ? dial() : current;
    current = renewed;
    return renewed;
  };
  const dial = async (): Promise<Control> => {
    const duplex = await connect().catch((error: unknown) => Promise.reject(unreachable(id, error)));
    const made = await openControl(duplex, { id, hearing, streamWindowBytes });
    hearing.heard();
    if (closed) made.close();
    return made;
  };

  const pause = (ms: number, since: number): Promise<void> => hearing.within(since, () => sleep(ms));

  return {
    pause,
    repeat: async (act) => {
      const since = performance.now();
      for (let attempt = 0; ; attempt++) {
        try {
          return await hearing.within(since, async () => act(await control()));
        } catch (error) {
          const delayMs = RETRY_DELAYS_MS[attempt];
          if (closed || delayMs === undefined || !mayRecover(error)) throw error;
          await pause(delayMs, since);
        }
      }
    },
    once: (act, since = performance.now()) => hearing.within(since, async () => act(await control())),
    assertOpen,
    close: () => {
      closed = true;
      hangUp();
    },
  };
};
