/**
 * Who may move the targets of a workspace. Changes are verified side by side, and whoever is done first lands; the
 * others have lost a race and are verified anew, on what landed. So that a slow gate does not lose to fast ones for
 * ever, whoever lost takes precedence: until it lets go nobody else moves the targets. It is given in the order in
 * which it was asked for.
 *
 * It is kept in memory. After a restart those who had lost hear of it again from their runs, and ask again.
 */
import { unlessAborted } from '../race.ts';

export interface Precedence {
  /** Resolves when the holder has precedence, which lasts until `release`. Rejects with the reason of the signal. */
  take(workspaceId: string, holder: string, signal: AbortSignal): Promise<void>;
  /** Ends the precedence of a holder, or its waiting for it. Does nothing when there is none. */
  release(workspaceId: string, holder: string): void;
  /** Waits while somebody else has it. Rejects with the reason of the signal. */
  pass(workspaceId: string, holder: string, signal: AbortSignal): Promise<void>;
}

interface Place {
  readonly holder: string;
  readonly over: Promise<void>;
  readonly end: () => void;
}

export const createPrecedence = (): Precedence => {
  /** The first of a line has precedence. */
  const lines = new Map<string, Place[]>();

  const release: Precedence['release'] = (workspaceId, holder) => {
    const line = lines.get(workspaceId) ?? [];
    const left = line.filter((place) => place.holder !== holder);
    if (left.length === 0) lines.delete(workspaceId);
    else lines.set(workspaceId, left);
    for (const place of line) if (place.holder === holder) place.end();
  };
  const pass: Precedence['pass'] = async (workspaceId, holder, signal) => {
    for (;;) {
      const first = lines.get(workspaceId)?.[0];
      if (first === undefined || first.holder === holder) return;
      await unlessAborted(first.over, signal);
    }
  };
  return {
    release,
    pass,
    async take(workspaceId, holder, signal) {
      const line = lines.get(workspaceId) ?? [];
      if (!line.some((place) => place.holder === holder)) {
        const { promise: over, resolve: end } = Promise.withResolvers<void>();
        lines.set(workspaceId, [...line, { holder, over, end }]);
      }
      try {
        await pass(workspaceId, holder, signal);
      } catch (error) {
        release(workspaceId, holder);
        throw error;
      }
    },
  };
};
