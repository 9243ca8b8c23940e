/** Rejects changes that have waited too long for a person, so that whatever they hold is released. */
import { isUndecided } from '@berth/contract';
import { defineReconciler, pagesOf, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { decide } from '../verbs/changes.ts';
import { forEachIsolated } from './isolated.ts';

const TOO_LATE = 'nobody decided in the time that `retention.approvalsMs` gives';

export const approvalReconciler = defineReconciler<Ports>({
  name: 'approvals',
  everyMs: 600_000,
  wakeOn: [],
  async pass(ports, signal) {
    const { store } = ports;
    let expired = 0;
    let failed = 0;
    const waiting = { table: 'changes', where: { state: ['waiting'] } } as const;
    for await (const changes of pagesOf(store, waiting, signal)) {
      const page = await forEachIsolated(ports, changes, signal, async ({ id }) => {
        if (await store.write((tx) => expire(ports, tx, id))) expired += 1;
      });
      failed += page.failed;
    }
    return { expired, failed };
  },
});

const expire = async (ports: Ports, tx: Tx, id: string): Promise<boolean> => {
  const { clock, retention } = ports;
  const change = await tx.table('changes').get(id);
  if (change === undefined || !isUndecided(change)) return false;
  if (change.updatedAt >= clock.now() - retention.approvalsMs) return false;
  await decide(ports, tx, change, { verdict: 'rejected', by: 'server', reason: TOO_LATE });
  return true;
};
