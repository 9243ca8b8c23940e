/**
 * Who may move the targets of a workspace. Changes are verified side by side, and whoever is done first lands; the
 * others have lost a race and are verified anew, on what landed. So that a slow gate does not lose to fast ones for
 * ever, whoever lost takes a turn: until it has ended nobody else moves the targets. Turns are given in the order in
 * which they were asked for.
 *
 * They are kept in memory. After a restart those who had lost hear of it again from their runs, and ask again.
 */
import { unlessAborted } from '../race.ts';

export interface LandingTurns {
  /** Resolves when it is the holder's turn, which lasts until `release`. Rejects with the reason of the signal. */
  take(workspaceId: string, holder: string, signal: AbortSignal): Promise<void>;
  /** Ends the turn of a holder, or its waiting for one. Does nothing when there is none. */
  release(workspaceId: string, holder: string): void;
  /** Waits while it is somebody else's turn. Rejects with the reason of the signal. */
  pass(workspaceId: string, holder: string, signal: AbortSignal): Promise<void>;
}

interface Turn {
  readonly holder: string;
  readonly over: Promise<void>;
  readonly end: () => void;
}

export const createLandingTurns = (): LandingTurns => {
  /** The first of a line has the turn. */
  const lines = new Map<string, Turn[]>();

  const release: LandingTurns['release'] = (workspaceId, holder) => {
    const line = lines.get(workspaceId) ?? [];
    const left = line.filter((turn) => turn.holder !== holder);
    if (left.length === 0) lines.delete(workspaceId);
    else lines.set(workspaceId, left);
    for (const turn of line) if (turn.holder === holder) turn.end();
  };
  const pass: LandingTurns['pass'] = async (workspaceId, holder, signal) => {
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
      if (!line.some((turn) => turn.holder === holder)) {
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
