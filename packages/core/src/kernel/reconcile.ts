/**
 * Reconcilers make true what the records say. A removal, say, writes its intent and answers; the reconciler that
 * looks for such intents ends the machine, now or after the next start, as often as it takes.
 *
 * The idea is level, not edge: a pass looks at the records and at the world, and acts on the difference. It gets no
 * event: an event only shortens the wait, and a lost, doubled or late one changes nothing. So a pass needs no memory,
 * and running it twice is the same as running it once.
 *
 * MUST: a pass be bounded (so many rows, so long) and idempotent.
 * MUST: a pass leave what failed for the next pass instead of trying again itself.
 * MUST NOT: two passes of one reconciler run at the same time; the runner sees to that.
 */
import type { EventType } from '@berth/contract';
import { Stopped } from './interrupt.ts';
import { type Log, silentLog } from './log.ts';
import type { Store } from './store/store.ts';
import { type Clock, createAlarm } from './time/clock.ts';
import type { Troubles } from './troubles.ts';

/** What a pass did, in numbers: `{ removed: 2 }`. */
export type Summary = Readonly<Record<string, number>>;

export interface Reconciler<P> {
  readonly name: string;
  /** The longest wait between two passes. */
  readonly everyMs: number;
  /** Facts after which there may be something to do. */
  readonly wakeOn: readonly EventType[];
  pass(ports: P, signal: AbortSignal): Promise<Summary>;
}

export const defineReconciler = <P>(reconciler: Reconciler<P>): Reconciler<P> => reconciler;

export interface Reconcilers {
  /** Passes at once, then by time and event until `close`. */
  start(): void;
  /** One whole pass of each, one after the other, in the order of the definitions. Rejects with the first failure. */
  runAll(): Promise<Readonly<Record<string, Summary>>>;
  /** Aborts the passes that run and waits for them. */
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
  /** Asks for a pass that begins after this moment. */
  wake(): void;
  /** Runs one, after the one that may be under way. */
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
      // A pass that found nothing to do is no news: there are tens of thousands a day.
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
    // What went wrong has been logged; the next pass is the answer to it.
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
