/** What people decide about a change that waits for them. */
import { type Change, type ChangeDecision, fail } from '@berth/contract';
import { move, type Tx } from '../kernel/index.ts';
import type { World } from '../ports.ts';
import { wakeTask } from './tasks.ts';

export interface Changes {
  /** Rejects with `record.missing`, `state.illegal` when it does not wait. */
  decide(id: string, decision: Omit<ChangeDecision, 'at'>): Promise<Change>;
}

export const createChanges = (world: World): Changes => ({
  decide: (id, wanted) =>
    world.store.write(async (tx) => {
      const change = await tx.table('changes').get(id);
      if (change === undefined) throw fail('record.missing', { noun: 'change', id });
      const { verdict } = wanted;
      if (!isUndecided(change))
        throw fail('state.illegal', { noun: 'change', id, state: change.state, trigger: verdict });
      return decide(world, tx, change, wanted);
    }),
});

export const isUndecided = ({ state, decision }: Change): boolean =>
  state === 'waiting' && decision === undefined;

/** Of a change that is undecided. */
export const decide = async (
  world: World,
  tx: Tx,
  change: Change,
  decision: Omit<ChangeDecision, 'at'>,
): Promise<Change> => {
  const { id: changeId, taskId, attemptId } = change;
  const decided = await record(tx, change, { ...decision, at: world.clock.now() });
  await wakeTask(world, tx, { taskId, attemptId }, { changeId, verdict: decision.verdict });
  return decided;
};

/** A change that is turned down is taken back by its own run, which says so at its end. */
const record = async (tx: Tx, { id, revision }: Change, decision: ChangeDecision): Promise<Change> => {
  if (decision.verdict === 'rejected') return tx.table('changes').update(id, revision, { decision });
  const { by, byName } = decision;
  const details = { by, ...(byName === undefined ? {} : { byName }) };
  return move(tx, 'changes', id, { trigger: 'approved', patch: { decision }, details });
};
