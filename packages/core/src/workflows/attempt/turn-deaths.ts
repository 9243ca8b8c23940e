/**
 * The machines that died during a turn. A death is recorded before the turn is resumed, because the agent's
 * next prompt and its exec id depend on it, even after a server restart.
 */
import type { MachineDeath } from '@berth/contract';
import { assert, type ReadTx, type Tx } from '../../kernel/index.ts';
import { placesTaken, putItem, type TurnPlace } from '../../task/index.ts';
import { diedOf, MAX_MACHINES } from '../machine/life.ts';

interface Place extends TurnPlace {
  readonly attemptId: string;
  readonly sandbox: { readonly id: string };
}

export const deathsOf = async (tx: ReadTx, turnId: string): Promise<readonly MachineDeath[]> =>
  (await tx.table('turns').get(turnId))?.deaths ?? [];

/**
 * Adds a notice to the conversation, after what was said before the death. Rejects with `sandbox.died` at the
 * last one allowed.
 */
export const noteDeath = async (tx: Tx, input: Place, reason: string): Promise<void> => {
  const turn = await tx.table('turns').get(input.turnId);
  assert(turn !== undefined, 'a turn is on record before it is worked on');
  const { deaths = [] } = turn;
  const died = deaths.length + 1;
  if (died >= MAX_MACHINES) throw diedOf(input.sandbox.id, reason, died);
  const place = (await placesTaken(tx, input)) + 1;
  await putItem(tx, input, place, { kind: 'notice', text: told(reason) });
  await tx.table('turns').update(turn.id, turn.revision, { deaths: [...deaths, { reason, place }] });
  const detail = `died: ${reason}; made anew from its disk, ${died + 1} of ${MAX_MACHINES}`;
  await tx.emit({
    type: 'attempt.progressed',
    subject: input.attemptId,
    data: { stage: 'machine', detail },
  });
};

const told = (reason: string): string =>
  `The machine died: ${reason}. It was made anew from its disk, and the turn begins again with the files as they were.`;
