/**
 * The control connection of a sandbox, renewed when it breaks. The guest keeps what runs inside, so a call that may be
 * repeated is repeated on a fresh connection, a few times, before the sandbox counts as unreachable.
 */

import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Control, openControl } from './control.ts';
import { mayRecover, unreachable } from './preface.ts';

export interface Link {
  /** For acts that may be done twice. */
  repeat<T>(act: (control: Control) => Promise<T>): Promise<T>;
  /** For the others: tried once, on a connection that seems sound. */
  once<T>(act: (control: Control) => Promise<T>): Promise<T>;
  /** Throws `sandbox.unreachable` once it is closed. */
  assertOpen(): void;
  close(): void;
}

export interface LinkParts {
  readonly id: string;
  readonly connect: () => Promise<Duplex>;
}

/** Pauses before the second and later tries. */
export const RETRY_DELAYS_MS: readonly number[] = [20, 200, 1000, 3000];

export const createLink = ({ id, connect }: LinkParts): Link => {
  let current: Promise<Control> | undefined;
  let closed = false;

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
    const made = await openControl(duplex, { id });
    if (closed) made.close();
    return made;
  };

  return {
    repeat: async (act) => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await act(await control());
        } catch (error) {
          const delayMs = RETRY_DELAYS_MS[attempt];
          if (closed || delayMs === undefined || !mayRecover(error)) throw error;
          await sleep(delayMs);
        }
      }
    },
    once: async (act) => act(await control()),
    assertOpen,
    close: () => {
      closed = true;
      current?.then((made) => made.close()).catch(() => undefined);
    },
  };
};
