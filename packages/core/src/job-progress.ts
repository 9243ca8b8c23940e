/**
 * How far the work of a job has got: the last journal line of each of its unfinished runs, and its agent's
 * last item. A replay after a restart yields the same value.
 */
import type { Json } from '@berth/plugin-api';
import { allRows, type Ids, type Job, type ReadTx } from './kernel/index.ts';
import { type TurnInputs, takeTurn } from './workflows/attempt/take-turn.ts';
import { type BaselineJob, sandboxesOf } from './workflows/gate/baseline.ts';

/** Fields with which jobs and the inputs of their runs identify what they work on. */
const NAMES = ['attemptId', 'prebuildId'] as const;

/** If it is equal at two moments, nothing was recorded in between. */
export const progressOf = async (tx: ReadTx, ids: Ids, job: Job): Promise<string> => {
  const named = namesIn(job.data);
  const own = ownSubjects(ids, job, named);
  const unfinished = await allRows(tx, { table: 'sagas', where: { state: ['running', 'undoing'] } });
  const lines: string[] = [];
  for (const { id, name, input, subject = '' } of unfinished) {
    const isItsOwn =
      subject === job.key || own.has(subject) || [...namesIn(input)].some((name) => named.has(name));
    if (!isItsOwn) continue;
    const [last] = await tx.table('journal').list({ where: { sagaId: id }, order: 'desc', limit: 1 });
    lines.push(last?.id ?? id);
    if (name === takeTurn.name) lines.push(await lastSaid(tx, input));
  }
  return lines.sort().join(' ');
};

/**
 * A replay repeats a growing text from its beginning, so only the next item shows that the agent has made
 * progress.
 */
const lastSaid = async (tx: ReadTx, input: Json): Promise<string> => {
  const { turnId } = input as unknown as TurnInputs;
  const [item] = await tx.table('items').list({ where: { turnId }, order: 'desc', limit: 1 });
  return item?.id ?? '';
};

/** Sandboxes with ids derived from what the job works on: that of a set-up, and those that judge a target. */
const ownSubjects = (ids: Ids, { queue, data }: Job, named: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([
    ...named,
    ...[...named].map((id) => ids.from('sandbox', id)),
    ...(queue === 'gate.baseline' ? sandboxesOf(ids, data as BaselineJob) : []),
  ]);

const namesIn = (value: Json): Set<string> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Set();
  const fields = value as Readonly<Record<string, unknown>>;
  return new Set(NAMES.map((name) => fields[name]).filter((id) => typeof id === 'string'));
};
