/** A person's decision on a change that waits for one. */
import { type Change, type ChangeDecision, fail, isUndecided } from '@berth/contract';
import { move, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { wakeTask } from './tasks.ts';

export interface Changes {
  /** Rejects with `record.missing`, or with `state.illegal` if the change does not wait. */
  decide(id: string, decision: Omit<ChangeDecision, 'at'>): Promise<Change>;
}

export const createChanges = (ports: Ports): Changes => ({
  decide: (id, wanted) =>
    ports.store.write(async (tx) => {
      const change = await tx.table('changes').get(id);
      if (change === undefined) throw fail('record.missing', { noun: 'change', id });
      const { verdict } = wanted;
      if (!isUndecided(change))
        throw fail('state.illegal', { noun: 'change', id, state: change.state, trigger: verdict });
      return decide(ports, tx, change, wanted);
    }),
});

/** For a change without a decision. */
export const decide = async (
  ports: Ports,
  tx: Tx,
  change: Change,
  decision: Omit<ChangeDecision, 'at'>,
): Promise<Change> => {
  const { id: changeId, taskId, attemptId } = change;
  const decided = await record(tx, change, { ...decision, at: ports.clock.now() });
  await wakeTask(ports, tx, { taskId, attemptId }, { changeId, verdict: decision.verdict });
  return decided;
};

/** A rejected change is undone by its own run, which records the outcome at its end. */
const record = async (tx: Tx, { id, revision }: Change, decision: ChangeDecision): Promise<Change> => {
  if (decision.verdict === 'rejected') return tx.table('changes').update(id, revision, { decision });
  const { by, byName } = decision;
  const details = { by, ...(byName === undefined ? {} : { byName }) };
  return move(tx, 'changes', id, { trigger: 'approved', patch: { decision }, details });
};
