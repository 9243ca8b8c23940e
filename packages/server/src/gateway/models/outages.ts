/**
 * Tracks how long a provider has been unreachable for an attempt. Agents retry as long as the error looks transient;
 * after a while a final error with the reason is better.
 */
import type { Clock } from '@berth/core';

export interface Outages {
  /** Records a network failure. True when the outage has lasted long enough to be final. */
  failed(attemptId: string): boolean;
  answered(attemptId: string): void;
}

const PATIENCE_MS = 30_000;
/** Two failures far apart are not one outage. */
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
