/** The queue's claims: the one place that needs more of a table than records by index. */
import type { Job, JobClaims, Records } from '@berth/core';
import { sql } from 'kysely';
import { builder, type SqlConnection } from './connection.ts';
import { toRecord } from './records.ts';

type Claim = Parameters<JobClaims['claim']>[0];

export const jobClaims = (connection: SqlConnection, jobs: Records<'jobs'>): JobClaims => ({
  async claim(claim) {
    const taken = new Map<string, Job>();
    // A round may return several jobs with one key, of which the first is claimed; the next round then skips the
    // others, because the database sees that their key is held.
    for (;;) {
      const candidates = await findDue(connection, claim, claim.limit - taken.size);
      const before = taken.size;
      for (const job of onePerKey(candidates)) {
        if (!taken.has(job.id)) taken.set(job.id, await take(jobs, job, claim));
      }
      if (taken.size >= claim.limit || taken.size === before) return [...taken.values()];
    }
  },
  async nextDue(queue, now) {
    const [row] = await connection.rows(
      builder
        .selectFrom('jobs')
        .select((e) => [
          e.fn.min('runAt').filterWhere('state', '=', 'waiting').filterWhere('runAt', '>', now).as('waiting'),
          e.fn
            .min('leaseUntil')
            .filterWhere('state', '=', 'active')
            .filterWhere('leaseUntil', '>', now)
            .as('leased'),
        ])
        .where('queue', '=', queue)
        .where('state', 'in', ['waiting', 'active'])
        .compile(),
    );
    const due = [row?.waiting, row?.leased].filter((at) => typeof at === 'number');
    return due.length === 0 ? undefined : Math.min(...due);
  },
});

const findDue = async (connection: SqlConnection, claim: Claim, limit: number): Promise<Job[]> => {
  if (limit <= 0) return [];
  const held = sql<boolean>`exists (select 1 from "jobs" as "holder" where "holder"."queue" = "jobs"."queue"
    and "holder"."key" = "jobs"."key"
    and "holder"."state" = 'active' and "holder"."leaseUntil" > ${claim.now})`;
  const rows = await connection.rows(
    builder
      .selectFrom('jobs')
      .selectAll()
      .where('queue', '=', claim.queue)
      // Implied by the next condition; with this one the index skips everything that has ended.
      .where('state', 'in', ['waiting', 'active'])
      .where((e) =>
        e.or([
          e.and([e('state', '=', 'waiting'), e('runAt', '<=', claim.now)]),
          e.and([e('state', '=', 'active'), e('leaseUntil', '<=', claim.now)]),
        ]),
      )
      .where((e) => e.or([e('key', 'is', null), e.not(held)]))
      .orderBy('priority', 'desc')
      .orderBy('runAt')
      .orderBy('id')
      .limit(limit)
      .compile(),
  );
  return rows.map((row) => toRecord<'jobs'>(row));
};

const onePerKey = (jobs: readonly Job[]): Job[] => {
  const keys = new Set<string>();
  return jobs.filter((job) => {
    if (job.key === undefined) return true;
    const first = !keys.has(job.key);
    keys.add(job.key);
    return first;
  });
};

const take = (jobs: Records<'jobs'>, job: Job, claim: Claim): Promise<Job> =>
  jobs.update(job.id, job.revision, {
    state: 'active',
    attempts: job.attempts + 1,
    fence: job.fence + 1,
    crashes: job.crashes + (job.state === 'active' ? 1 : 0),
    owner: claim.owner,
    leaseUntil: claim.leaseUntil,
    claimedAt: claim.now,
  });
