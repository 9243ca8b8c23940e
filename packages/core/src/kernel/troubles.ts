/**
 * Failures that are being retried: one entry per subject, from the first failure until it succeeds. Each
 * entry is logged once rather than on every attempt, and so is an overflow of the list; the doctor and the
 * metrics show the current entries.
 */

import type { Log } from './log.ts';
import type { Clock } from './time/clock.ts';

export interface Trouble {
  /** A record, a driver or a reconciler. */
  readonly subject: string;
  readonly detail: string;
  readonly since: number;
}

export interface Troubles {
  note(subject: string, error: unknown): void;
  clear(subject: string): void;
  /** Current entries, oldest first. */
  list(): readonly Trouble[];
}

const MAX_TROUBLES = 200;
/**
 * Longer than any reconciler waits: if a failure has not recurred by then, it is over or its subject is gone.
 */
const FADES_AFTER_MS = 2 * 3_600_000;

export const createTroubles = ({ clock, log }: { clock: Clock; log: Log }): Troubles => {
  const known = new Map<string, Trouble & { lastAt: number }>();
  const fade = (): void => {
    const before = clock.now() - FADES_AFTER_MS;
    for (const [subject, { lastAt }] of known) if (lastAt < before) known.delete(subject);
  };
  let isMoreTold = false;
  const more = (): void => {
    if (!isMoreTold) log.warn('reconcile.more_left', { kept: MAX_TROUBLES });
    isMoreTold = true;
  };
  return {
    note(subject, error) {
      const detail = error instanceof Error ? error.message : String(error);
      const before = known.get(subject);
      if (before === undefined) fade();
      if (before === undefined && known.size >= MAX_TROUBLES) return more();
      if (before?.detail !== detail) log.warn('reconcile.left', { subject, error });
      known.set(subject, {
        subject,
        detail,
        since: before?.since ?? clock.now(),
        lastAt: clock.now(),
      });
    },
    clear(subject) {
      if (known.delete(subject)) isMoreTold = false;
    },
    list() {
      fade();
      return [...known.values()].map(({ subject, detail, since }) => ({ subject, detail, since }));
    },
  };
};
