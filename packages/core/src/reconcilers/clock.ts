/**
 * Notices a clock that was set back, and moves with it what was to happen at a moment of the old time: else a task that
 * was to be tried again in a second would wait for a day. How far it was set back is known from the last time that is
 * on record, and better from the row itself when it was written in what is the future now. Nothing comes too early: what
 * is known is never more than how far it was. Jobs that somebody works on keep their leases, which he measures himself.
 */
import { allRows, defineReconciler, type RowOf, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

const SETTING = 'clock';
const RECORDED_EVERY_MS = 60_000;
/** Less is the ordinary correction of a clock. */
const NOTICED_MS = 1000;

export const clockReconciler = defineReconciler<Ports>({
  name: 'clock',
  everyMs: 5000,
  wakeOn: [],
  pass: async (ports) => ({ moved: await followClock(ports) }),
});

/** Returns how much was moved. Also called before work is taken up at a start. */
export const followClock = async ({ store, clock, queue, log }: Ports): Promise<number> => {
  const lastAt = await store.read(async (tx) =>
    Number((await tx.table('settings').get(SETTING))?.value ?? 0),
  );
  const now = clock.now();
  const backMs = lastAt - now;
  if (backMs < NOTICED_MS && now - lastAt < RECORDED_EVERY_MS) return 0;
  const moved = await store.write(async (tx) => {
    await record(tx, now);
    return backMs < NOTICED_MS ? 0 : moveAll(queue, tx, { now, backMs });
  });
  if (backMs < NOTICED_MS) return 0;
  log.warn('clock.set_back', { backMs, moved });
  queue.wake();
  return moved;
};

const record = async (tx: Tx, now: number): Promise<void> => {
  const settings = tx.table('settings');
  const row = await settings.get(SETTING);
  if (row === undefined) await settings.insert({ id: SETTING, value: now });
  else await settings.update(SETTING, row.revision, { value: now });
};

interface SetBack {
  readonly now: number;
  readonly backMs: number;
}

const moveAll = async (queue: Ports['queue'], tx: Tx, set: SetBack): Promise<number> => {
  let moved = await queue.reschedule(tx, (job) => movedBy(job, job.runAt, set));
  for (const lease of await allRows(tx, { table: 'leases' })) {
    const until = movedBy(lease, lease.until, set);
    if (until === undefined) continue;
    await tx.table('leases').update(lease.id, lease.revision, { until });
    moved += 1;
  }
  for (const sandbox of await allRows(tx, { table: 'sandboxes', where: { state: EXPIRING } })) {
    const expiresAt = movedBy(sandbox, sandbox.expiresAt, set);
    if (expiresAt === undefined) continue;
    await tx.table('sandboxes').update(sandbox.id, sandbox.revision, { expiresAt });
    moved += 1;
  }
  for (const token of await allRows(tx, { table: 'tokens' })) {
    const expiresAt = movedBy(token, token.expiresAt, set);
    if (expiresAt === undefined) continue;
    await tx.table('tokens').update(token.id, token.revision, { expiresAt });
    moved += 1;
  }
  return moved;
};

const EXPIRING = ['running', 'paused', 'stopped', 'error'];

/** Undefined when it stays. */
const movedBy = (
  { updatedAt }: Pick<RowOf<'jobs'>, 'updatedAt'>,
  moment: number | undefined,
  { now, backMs }: SetBack,
): number | undefined => {
  if (moment === undefined || moment <= now) return undefined;
  return updatedAt > now ? now + Math.max(0, moment - updatedAt) : Math.max(now, moment - backMs);
};
