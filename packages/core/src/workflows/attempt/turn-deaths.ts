/**
 * The machines that died in a turn. It is on record before the turn is taken up again: what the agent is asked then, and
 * under which id, follows from it, also after a restart of the server.
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

/** Whoever follows the turn reads it between what was said before and after. Rejects with `sandbox.died` at the last. */
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
