/**
 * How long an attempt has been asking a provider that does not answer. Agents try again for as long as they hear that
 * it may pass; after a while the task is better served by an end that says why.
 */
import type { Clock } from '@berth/core';

export interface Outages {
  /** One more request failed on the network. True when it has lasted long enough to be final. */
  failed(attemptId: string): boolean;
  answered(attemptId: string): void;
}

const PATIENCE_MS = 30_000;
/** One failure long after another is no outage that lasted. */
const MIN_FAILURES = 3;
const MAX_ATTEMPTS_KEPT = 1000;

export const createOutages = (clock: Pick<Clock, 'now'>): Outages => {
  const open = new Map<string, { readonly since: number; count: number }>();
  return {
    failed(attemptId) {
      const outage = open.get(attemptId) ?? { since: clock.now(), count: 0 };
      outage.count += 1;
      open.set(attemptId, outage);
      const [oldest] = open.keys();
      if (open.size > MAX_ATTEMPTS_KEPT && oldest !== undefined) open.delete(oldest);
      return outage.count >= MIN_FAILURES && clock.now() - outage.since >= PATIENCE_MS;
    },
    answered: (attemptId) => void open.delete(attemptId),
  };
};
