/**
 * Reconcilers make the world match the records. A removal, for example, writes its intent and returns; a
 * reconciler finds such intents and destroys the machine, now or after the next start, as often as it takes.
 *
 * They are level-triggered, not edge-triggered: a pass compares the records with the world and acts on the
 * difference. It receives no event; an event only shortens the wait, so lost, duplicate or late ones do no
 * harm. A pass therefore needs no memory, and running it twice has the same effect as running it once.
 *
 * - A pass MUST be bounded (in rows and time) and idempotent.
 * - A pass MUST leave what failed to the next pass instead of retrying it.
 * - Two passes of one reconciler MUST NOT overlap; the runner ensures this.
 */
import type { EventType } from '@berth/contract';
import { Stopped } from './interrupt.ts';
import { type Log, silentLog } from './log.ts';
import type { Store } from './store/store.ts';
import { type Clock, createAlarm } from './time/clock.ts';
import type { Troubles } from './troubles.ts';

/** What a pass did, as counts: `{ removed: 2 }`. */
export type Summary = Readonly<Record<string, number>>;

export interface Reconciler<P> {
  readonly name: string;
  /** Maximum time between two passes. */
  readonly everyMs: number;
  /** Events that trigger a pass. */
  readonly wakeOn: readonly EventType[];
  pass(ports: P, signal: AbortSignal): Promise<Summary>;
}

export const defineReconciler = <P>(reconciler: Reconciler<P>): Reconciler<P> => reconciler;

export interface Reconcilers {
  /** Runs a pass at once, then by time and event until `close`. */
  start(): void;
  /**
   * Runs one full pass of each reconciler, one after the other, in definition order. Rejects with the first
   * failure.
   */
  runAll(): Promise<Readonly<Record<string, Summary>>>;
  /** Aborts running passes and waits for them. */
  close(): Promise<void>;
}

export interface ReconcilersDeps<P> {
  readonly store: Store;
  readonly clock: Clock;
  readonly definitions: readonly Reconciler<P>[];
  readonly ports: P;
  readonly log?: Log;
  readonly troubles?: Troubles;
}

export const createReconcilers = <P>(deps: ReconcilersDeps<P>): Reconcilers => {
  const { store, definitions } = deps;
  const stop = new AbortController();
  const runners = definitions.map((definition) => createRunner(deps, definition, stop.signal));
  let unsubscribe = (): void => undefined;
  return {
    start() {
      unsubscribe = store.notices.subscribe(({ events }) => {
        const types = new Set<string>(events.map(({ type }) => type));
        for (const runner of runners) if (runner.wakeOn.some((type) => types.has(type))) runner.wake();
      });
      for (const runner of runners) runner.wake();
    },
    async runAll() {
      const summaries: Record<string, Summary> = {};
      for (const { name, pass } of runners) summaries[name] = await pass();
      return summaries;
    },
    async close() {
      unsubscribe();
      stop.abort(new Stopped('the server stops'));
      await Promise.all(runners.map((runner) => runner.close()));
    },
  };
};

interface Runner {
  readonly name: string;
  readonly wakeOn: readonly EventType[];
  /** Requests a pass that starts after this call. */
  wake(): void;
  /** Runs a pass once any current one has finished. */
  pass(): Promise<Summary>;
  close(): Promise<void>;
}

const createRunner = <P>(
  { clock, ports, log = silentLog, troubles }: ReconcilersDeps<P>,
  definition: Reconciler<P>,
  signal: AbortSignal,
): Runner => {
  const { name, everyMs, wakeOn } = definition;
  const alarm = createAlarm(clock, () => wake());
  let last: Promise<unknown> = Promise.resolve();
  let isAsked = false;

  const passNow = async (): Promise<Summary> => {
    signal.throwIfAborted();
    const startedAt = clock.now();
    try {
      const summary = await definition.pass(ports, signal);
      troubles?.clear(`reconciler ${name}`);
      // Passes that find nothing are not worth an info line: there are tens of thousands a day.
      const level = Object.values(summary).some((count) => count > 0) ? 'info' : 'debug';
      log[level]('reconcile.passed', { name, ...summary, durationMs: clock.now() - startedAt });
      return summary;
    } catch (error) {
      if (!signal.aborted) {
        log.error('reconcile.failed', { name, error });
        troubles?.note(`reconciler ${name}`, error);
      }
      throw error;
    }
  };

  const pass = (): Promise<Summary> => {
    const next = last.then(() => {
      isAsked = false;
      return passNow();
    });
    last = Promise.allSettled([next]);
    return next;
  };

  const wake = (): void => {
    if (isAsked || signal.aborted) return;
    isAsked = true;
    // Failures have been logged; the next pass retries.
    void Promise.allSettled([pass()]).then(() => {
      if (!signal.aborted) alarm.set(clock.now() + everyMs);
    });
  };

  return {
    name,
    wakeOn,
    wake,
    pass,
    async close() {
      alarm.stop();
      await last;
    },
  };
};
