/** Rows and jobs written by the laws. */
import type { Records, Store } from '../../src/kernel/store/store.ts';
import type { Job } from '../../src/kernel/store/tables.ts';

type NewRow<N extends 'leases' | 'jobs' | 'sagas'> = Parameters<Records<N>['insert']>[0];

export const lease = (id: string, owner = 'somebody'): NewRow<'leases'> => ({
  id,
  owner,
  fence: 1,
  until: 0,
});

export const sagaRow = (id: string, subject?: string): NewRow<'sagas'> => ({
  id,
  name: 'law.held@1',
  state: 'running',
  input: { deep: [1, null, { text: 'ü', yes: true }] },
  ...(subject === undefined ? {} : { subject }),
});

export const job = (id: string, fields: Partial<NewRow<'jobs'>> = {}): NewRow<'jobs'> => ({
  id,
  queue: 'work',
  state: 'waiting',
  data: null,
  priority: 5,
  runAt: 0,
  attempts: 0,
  maxAttempts: 3,
  backoffMs: 1000,
  crashes: 0,
  fence: 0,
  ...fields,
});

export const addJobs = (store: Store, ...jobs: readonly NewRow<'jobs'>[]): Promise<void> =>
  store.write(async (tx) => {
    for (const one of jobs) await tx.table('jobs').insert(one);
  });

/** Claims jobs and returns their ids in claim order. */
export const claimIds = async (
  store: Store,
  query: {
    readonly now: number;
    readonly limit?: number;
    readonly queue?: string;
    readonly leaseMs?: number;
  },
): Promise<string[]> => (await claimed(store, query)).map(({ id }) => id);

export const claimed = (
  store: Store,
  {
    now,
    limit = 100,
    queue = 'work',
    leaseMs = 1000,
  }: { readonly now: number; readonly limit?: number; readonly queue?: string; readonly leaseMs?: number },
): Promise<Job[]> =>
  store.write((tx) => tx.jobs.claim({ queue, now, owner: 'worker', leaseUntil: now + leaseMs, limit }));

/** A fact about a task, identified by its title. */
export const fact = (title: string, subject = 'tk_law') =>
  ({ type: 'task.created', subject, data: { title } }) as const;
