/**
 * The only way to change a record's state: look up the transition in the noun's table, write the new state
 * against the revision that was read, and emit the event `<noun>.<trigger>`, all in the caller's transaction.
 */
import { type EventType, fail, next, type Table, type TriggerOf } from '@berth/contract';
import { type MovingTable, NOUNS, STATES } from './nouns.ts';
import type { Patch, Tx } from './store.ts';
import type { RowOf } from './tables.ts';

export type Trigger<N extends MovingTable> = TriggerOf<(typeof STATES)[N]>;

export interface Move<N extends MovingTable> {
  readonly trigger: Trigger<N>;
  /** Fields that change together with the state. */
  readonly patch?: Omit<Patch<RowOf<N>>, 'state'> | undefined;
  /** Additional event data, besides from and to. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly causedBy?: string | undefined;
}

/** Returns the updated record. Rejects with `record.missing` or `state.illegal`. */
export const move = async <N extends MovingTable>(
  tx: Tx,
  table: N,
  id: string,
  { trigger, patch, details, causedBy }: Move<N>,
): Promise<RowOf<N>> => {
  const noun = NOUNS[table];
  const rows = tx.table(table);
  const row = await rows.get(id);
  if (row === undefined) throw fail('record.missing', { noun, id });
  const states: Table = STATES[table];
  const to = next<Table>(states, row.state, trigger);
  if (to === undefined) throw fail('state.illegal', { noun, id, state: row.state, trigger });
  // The lookup has just established that `to` is a state of this noun and that its event exists.
  const moved = await rows.update(id, row.revision, { ...patch, state: to } as unknown as Patch<RowOf<N>>);
  const data = { from: row.state, to, ...(details === undefined ? {} : { details }) };
  await tx.emit({ type: `${noun}.${trigger}` as EventType, subject: id, causedBy, data });
  return moved;
};
