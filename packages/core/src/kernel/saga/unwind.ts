/** Undoes every step that has started, most recently started first, whether or not it had any effect. */
import { retryable, withRetries } from './retry.ts';
import { contextOf, isNothing, ofStep, type Run, type RunStep } from './run.ts';
import type { AnySaga } from './saga.ts';

const UNDO_TRIES = 5;

/** Rejects with `StepFailed` if an undo fails; the steps before it then remain to be undone. */
export const unwind = async <P>(run: Run<P>): Promise<void> => {
  const steps = new Map(
    run.definition.stages.flatMap((stage) => stage.steps.map((step) => [step.name, step])),
  );
  for (const name of run.journal.toUndo()) {
    run.interrupts.stop.throwIfAborted();
    const step = steps.get(name);
    if (step !== undefined && hasUndo(step)) await undoStep(run, step);
  }
};

export const hasUndo = <P>(step: RunStep<P>): boolean => !isNothing(step.undo) || step.unsave !== undefined;

const undoStep = async <P>(run: Run<P>, step: RunStep<P>): Promise<void> => {
  const { name, undo } = step;
  const ctx = contextOf(run, name, new AbortController().signal);
  const crashPoint = (point: string): void => run.crashPoint(`${run.definition.name}/${name}/${point}`);
  if (!run.journal.isUndoing(name)) await run.journal.write([{ step: name, phase: 'undo_started' }]);
  await withRetries(run, retryable(UNDO_TRIES, run.interrupts.stop), async () => {
    await run.journal.check();
    crashPoint('before-undo');
    if (!isNothing(undo)) await ofStep(name, () => undo(ctx));
    crashPoint('after-undo');
    crashPoint('before-undone');
    await run.journal.write([{ step: name, phase: 'undone' }], (tx) =>
      ofStep(name, () => step.unsave?.(tx, ctx)),
    );
    crashPoint('after-undone');
  });
};

/** The points at which a process may die: before and after each effect and each journal line. */
const FORTH = ['before-do', 'after-do', 'before-done', 'after-done'] as const;
const BACK = ['before-undo', 'after-undo', 'before-undone', 'after-undone'] as const;

/** All crash points, in order: `<saga>/<step>/<point>`. */
export const crashPointsOf = <P>(definition: AnySaga<P>): string[] =>
  definition.stages.flatMap((stage) =>
    stage.steps.flatMap((step) =>
      [...FORTH, ...(hasUndo(step) ? BACK : [])].map((moment) => `${definition.name}/${step.name}/${moment}`),
    ),
  );
