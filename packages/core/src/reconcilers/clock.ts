/**
 * Detects that the clock was set back, and moves scheduled times with it; otherwise a retry due in a second
 * could wait for a day. How far the clock moved is known from the last recorded time and, more precisely,
 * from a row whose write time now lies in the future. Nothing runs early, because the shift is never
 * overestimated. Active jobs keep their leases, which their workers track themselves.
 */
import { allRows, defineReconciler, type RowOf, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

const SETTING = 'clock';
const RECORDED_EVERY_MS = 60_000;
/** Smaller shifts are ordinary clock corrections. */
const NOTICED_MS = 1000;

export const clockReconciler = defineReconciler<Ports>({
  name: 'clock',
  everyMs: 5000,
  wakeOn: [],
  pass: async (ports) => ({ moved: await followClock(ports) }),
});

/** Returns how many times were moved. Also called at startup before work is resumed. */
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

/** Undefined if the time stays unchanged. */
const movedBy = (
  { updatedAt }: Pick<RowOf<'jobs'>, 'updatedAt'>,
  moment: number | undefined,
  { now, backMs }: SetBack,
): number | undefined => {
  if (moment === undefined || moment <= now) return undefined;
  return updatedAt > now ? now + Math.max(0, moment - updatedAt) : Math.max(now, moment - backMs);
};
