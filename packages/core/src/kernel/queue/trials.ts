/**
 * After the server has died twice during the same work, interrupted jobs are started in turns: first those
 * that others wait for, and each suspect alone until it ends or has run for longer than a job needs to kill
 * the server. A culprit is then alone when it kills the server, and a job that merely waits for it is not
 * running.
 */

import { isStop, Stopped } from '../interrupt.ts';
import type { Log } from '../log.ts';
import type { Store, Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import type { Clock } from '../time/clock.ts';
import { isSuspect, TRIAL_MS } from './crash-count.ts';
import { topicOf } from './rows.ts';

export interface TrialDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Trials {
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 250;

/**
 * `turns` holds job ids; those in one array start together. If this fails, each job starts at its `runAt`.
 */
export const startTrials = (deps: TrialDeps, turns: readonly (readonly string[])[]): Trials => {
  const { store, clock, log } = deps;
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (const [index, next] of turns.slice(1).entries()) {
      const before = turns[index] ?? [];
      while (!(await store.write((tx) => areTried(tx, deps, before))))
        await clock.sleep(LOOK_EVERY_MS, stopping.signal);
      await store.write((tx) => begin(tx, next, clock.now()));
    }
  };
  const end = run().catch((error: unknown) => {
    if (!isStop(error)) log.error('queue.trial_failed', { error });
  });
  return {
    async stop() {
      stopping.abort(new Stopped('the server stops'));
      await end;
    },
  };
};

const areTried = async (tx: Tx, deps: TrialDeps, ids: readonly string[]): Promise<boolean> => {
  for (const id of ids) {
    const job = await tx.table('jobs').get(id);
    if (job !== undefined && !(await isTried(tx, deps, job))) return false;
  }
  return true;
};

const isTried = async (tx: Tx, { clock }: TrialDeps, job: Job): Promise<boolean> => {
  // With an error, it has had its trial and waits for a retry.
  if (job.state === 'waiting') return job.error !== undefined;
  if (job.state !== 'active') return true;
  if (clock.now() - (job.claimedAt ?? clock.now()) < TRIAL_MS) return false;
  // Cleared: a later crash has another cause and starts a new count.
  if (isSuspect(job))
    await tx.table('jobs').update(job.id, job.revision, { crashPlace: undefined, earlyDeaths: 0 });
  return true;
};

const begin = async (tx: Tx, ids: readonly string[], now: number): Promise<void> => {
  for (const id of ids) {
    const job = await tx.table('jobs').get(id);
    if (job?.state !== 'waiting') continue;
    await tx.table('jobs').update(id, job.revision, { runAt: Math.min(job.runAt, now) });
    tx.notify(topicOf(job.queue));
  }
};
