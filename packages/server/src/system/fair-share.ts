/**
 * A resource with a fixed amount (bytes in memory, processes), shared among owners that do not trust each other:
 * sandboxes, workspaces, callers. No owner holds more than its own part; whoever asks for more waits, and what
 * becomes free goes to the owners in turn, however many requests each has made. Waiting is bounded, too.
 *
 * The whole amount is reserved before any of it is used, so that no two can deadlock.
 */
import assert from 'node:assert/strict';
import { fail } from '@berth/contract';

export interface FairShareLimits {
  /** What is shared, for messages: `bytes of model requests`. */
  readonly what: string;
  readonly total: number;
  /** What one owner may hold at a time. */
  readonly perOwner: number;
  /** The part of the total reserved for owners that hold nothing yet: whoever holds something cannot take it all. */
  readonly keptForNew?: number | undefined;
  /** How many requests of one owner may wait. */
  readonly waitingPerOwner: number;
  readonly waitMs: number;
}

export interface FairShare {
  /**
   * Resolves with the way to give the amount back, which may be called more than once. Rejects with `server.busy` when
   * too many of this owner wait or when it took too long, and with `work.cancelled` when the signal aborts.
   * @param amount at most `perOwner`
   */
  take(owner: string, amount: number, signal?: AbortSignal): Promise<() => void>;
  /** What is held now. */
  readonly inUse: number;
}

interface Waiter {
  readonly amount: number;
  readonly admit: () => void;
}

interface Owner {
  inUse: number;
  readonly waiting: Waiter[];
}

export const createFairShare = (limits: FairShareLimits): FairShare => {
  const turns = createTurns(limits);
  return {
    get inUse() {
      return turns.inUse();
    },
    async take(name, amount, signal) {
      assert(amount <= limits.perOwner, `${amount} of ${limits.what} is more than one owner may hold`);
      const admitted = Promise.withResolvers<void>();
      const leave = turns.enter(name, { amount, admit: admitted.resolve });
      const giveUp = (error: unknown): void => {
        if (leave()) admitted.reject(error);
      };
      const gone = (): void => giveUp(fail('work.cancelled', { reason: 'the caller gave up' }));
      const timer = setTimeout(() => giveUp(busy(limits)), limits.waitMs);
      signal?.addEventListener('abort', gone, { once: true });
      if (signal?.aborted === true) gone();
      try {
        await admitted.promise;
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', gone);
      }
      return once(() => turns.giveBack(name, amount));
    },
  };
};

const createTurns = (limits: FairShareLimits) => {
  /** In the order in which they are served: an owner that was served moves to the end. */
  const owners = new Map<string, Owner>();
  let inUse = 0;

  const ownerOf = (name: string): Owner => {
    const owner = owners.get(name) ?? { inUse: 0, waiting: [] };
    owners.set(name, owner);
    return owner;
  };
  const hasRoomFor = (owner: Owner, amount: number): boolean => {
    const isKept = owner.inUse > 0 && inUse + amount > limits.total - (limits.keptForNew ?? 0);
    return !isKept && owner.inUse + amount <= limits.perOwner;
  };
  /** The first owner whose own part has room for what it waits for; it keeps its turn even if the total has none. */
  const nextInTurn = (): [string, Owner, Waiter] | undefined => {
    for (const [name, owner] of owners) {
      const [first] = owner.waiting;
      if (first !== undefined && hasRoomFor(owner, first.amount)) return [name, owner, first];
    }
    return undefined;
  };
  const serve = (): void => {
    for (let next = nextInTurn(); next !== undefined; next = nextInTurn()) {
      const [name, owner, first] = next;
      if (inUse + first.amount > limits.total) return;
      owner.waiting.shift();
      owner.inUse += first.amount;
      inUse += first.amount;
      owners.delete(name);
      owners.set(name, owner);
      first.admit();
    }
  };
  return {
    inUse: () => inUse,
    /** Returns a function that leaves the queue, and reports whether it was still waiting. */
    enter: (name: string, waiter: Waiter): (() => boolean) => {
      const owner = ownerOf(name);
      if (owner.waiting.length >= limits.waitingPerOwner) throw busy(limits);
      owner.waiting.push(waiter);
      serve();
      return () => {
        const at = owner.waiting.indexOf(waiter);
        if (at < 0) return false;
        owner.waiting.splice(at, 1);
        forgetIdle(owners, name);
        serve();
        return true;
      };
    },
    giveBack: (name: string, amount: number): void => {
      ownerOf(name).inUse -= amount;
      inUse -= amount;
      forgetIdle(owners, name);
      serve();
    },
  };
};

const once = (act: () => void): (() => void) => {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
};

const forgetIdle = (owners: Map<string, Owner>, name: string): void => {
  const owner = owners.get(name);
  if (owner?.inUse === 0 && owner.waiting.length === 0) owners.delete(name);
};

const busy = ({ what }: FairShareLimits) => fail('server.busy', { what });
