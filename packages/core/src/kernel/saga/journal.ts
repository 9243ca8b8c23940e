/**
 * The journal of one run: what has been written, and what follows from it. Lines are numbered within their
 * transaction, and only by the engine that holds the run (`fence.ts`).
 */
import { allRows } from '../store/pages.ts';
import type { Store, Tx } from '../store/store.ts';
import type { JournalEntry } from '../store/tables.ts';
import { type HeldRun, heldRow } from './fence.ts';
import type { AnySaga, Outputs } from './saga.ts';

export type Line = Pick<JournalEntry, 'step' | 'phase' | 'output' | 'durationMs'>;

export interface Journal {
  hasStarted(step: string): boolean;
  isDone(step: string): boolean;
  /** Whether its undo has started before: a stuck run can be retried repeatedly. */
  isUndoing(step: string): boolean;
  /** Outputs of everything done in stages before the step's own, which is what its do and undo see. */
  outputsBefore(step: string): Outputs;
  /** Outputs of everything done. */
  outputs(): Outputs;
  /** Steps that have started and are not undone, most recently started first. */
  toUndo(): string[];
  /** Rejects with `Stopped` if another engine has taken the run over. Call it before touching the world. */
  check(): Promise<void>;
  /**
   * Writes lines and related changes in one transaction. Rejects as `check` does, in which case nothing is
   * written.
   */
  write(added: readonly Line[], also?: (tx: Tx) => Promise<unknown>): Promise<void>;
}

export const openJournal = async <P>(
  store: Store,
  held: HeldRun,
  definition: AnySaga<P>,
): Promise<Journal> => {
  const { id: runId } = held;
  const entries = await store.read((tx) => allRows(tx, { table: 'journal', where: { sagaId: runId } }));
  const lines: Line[] = [...entries];
  let last = Number(entries.at(-1)?.id.split('/').at(-1) ?? 0);

  const inPhase = (phase: Line['phase']): Line[] => lines.filter((line) => line.phase === phase);
  const outputsOf = (steps: ReadonlySet<string>): Outputs =>
    Object.fromEntries(
      inPhase('done')
        .filter((line) => steps.has(line.step))
        .map((line) => [line.step, line.output]),
    );

  let turn: Promise<unknown> = Promise.resolve();
  const writeNow: Journal['write'] = async (added, also) => {
    await store.write(async (tx) => {
      await heldRow(tx, held);
      for (const [index, line] of added.entries()) {
        const id = `${runId}/${String(last + index + 1).padStart(5, '0')}`;
        await tx.table('journal').insert({ id, sagaId: runId, ...line });
      }
      await also?.(tx);
    });
    last += added.length;
    lines.push(...added);
  };

  return {
    hasStarted: (step) => inPhase('started').some((line) => line.step === step),
    isDone: (step) => inPhase('done').some((line) => line.step === step),
    isUndoing: (step) => inPhase('undo_started').some((line) => line.step === step),
    outputsBefore: (step) => outputsOf(stepsBefore(definition, step)),
    outputs: () => outputsOf(new Set(lines.map((line) => line.step))),
    toUndo() {
      const undone = new Set(inPhase('undone').map((line) => line.step));
      const started = new Set(inPhase('started').map((line) => line.step));
      return [...started].filter((step) => !undone.has(step)).reverse();
    },
    check: async () => void (await store.read((tx) => heldRow(tx, held))),
    write(added, also) {
      // Concurrent steps write one after the other: a number is assigned only once the previous line is on
      // disk.
      const written = turn.then(() => writeNow(added, also));
      turn = Promise.allSettled([written]);
      return written;
    },
  };
};

const stepsBefore = <P>(definition: AnySaga<P>, step: string): ReadonlySet<string> => {
  const own = definition.stages.findIndex((stage) => stage.steps.some(({ name }) => name === step));
  return new Set(definition.stages.slice(0, own).flatMap((stage) => stage.steps.map(({ name }) => name)));
};
