/** The forward path: runs the definition stage by stage and skips steps that the journal has as done. */
import { toJson } from '../json.ts';
import type { Line } from './journal.ts';
import { always, retryable, withRetries } from './retry.ts';
import { contextOf, ofStep, type Run, type RunStep, StepFailed } from './run.ts';
import type { Stage } from './saga.ts';

/** Rejects with `StepFailed`, with the reason of an interrupt, or with an error of the engine itself. */
export const forward = async <P>(run: Run<P>): Promise<void> => {
  for (const stage of run.definition.stages) {
    const open = stage.steps.filter((step) => !run.journal.isDone(step.name));
    if (open.length === 0) continue;
    run.interrupts.stop.throwIfAborted();
    if (!isDecided(run)) run.interrupts.cancel.throwIfAborted();
    await runStage(run, stage, open);
  }
};

/**
 * Whether a cancel comes too late: the first step after the point of no return, or a decisive step before it,
 * has started.
 */
export const isDecided = <P>(run: Run<P>): boolean =>
  run.definition.stages.some(
    (stage) => decides(stage) && stage.steps.some((step) => run.journal.hasStarted(step.name)),
  );

const decides = <P>({ final, steps }: Stage<P, never>): boolean =>
  final || steps.some(({ decisive }) => decisive === true);

/**
 * Runs all steps of a stage concurrently. The first failure aborts its siblings and is thrown once all have
 * settled.
 */
const runStage = async <P>(
  run: Run<P>,
  stage: Stage<P, never>,
  open: readonly RunStep<P>[],
): Promise<void> => {
  const siblings = new AbortController();
  const outer = decides(stage) ? run.interrupts.stop : run.interrupts.either;
  const signal = AbortSignal.any([outer, siblings.signal]);
  const failures: unknown[] = [];
  await Promise.all(
    open.map(async (step) => {
      try {
        await runStep(run, step, { signal, final: stage.final });
      } catch (error) {
        failures.push(error);
        siblings.abort(error);
      }
    }),
  );
  const trouble = failures.find((error) => !(error instanceof StepFailed));
  if (failures.length > 0) throw trouble ?? failures[0];
};

const runStep = async <P>(
  run: Run<P>,
  step: RunStep<P>,
  { signal, final }: { signal: AbortSignal; final: boolean },
): Promise<void> => {
  const { name } = step;
  const ctx = contextOf(run, name, signal);
  const crashPoint = (point: string): void => run.crashPoint(`${run.definition.name}/${name}/${point}`);
  const startedAt = run.clock.now();
  if (!run.journal.hasStarted(name)) await run.journal.write([started(name)]);
  const tries = typeof step.tries === 'function' ? step.tries(run.input) : (step.tries ?? 1);
  await withRetries(run, final ? always(signal) : retryable(tries, signal), async () => {
    await run.journal.check();
    crashPoint('before-do');
    const output = await ofStep(name, async () => jsonOrNothing(await step.do?.(ctx), ctx.key));
    crashPoint('after-do');
    crashPoint('before-done');
    const durationMs = run.clock.now() - startedAt;
    const line = {
      step: name,
      phase: 'done',
      durationMs,
      ...(output === undefined ? {} : { output }),
    } as const;
    await run.journal.write([line, ...announcedBy(run, name)], (tx) =>
      ofStep(name, () => step.save?.(tx, ctx, output)),
    );
    crashPoint('after-done');
  });
};

const started = (step: string): Line => ({ step, phase: 'started' });

/**
 * Every transaction is a commit that somebody waits for, so the end of a step and the start of the next share
 * one. Not across the point where a cancel comes too late: a cancel still counts until the first step after
 * it starts.
 */
const announcedBy = <P>({ definition }: Run<P>, name: string): Line[] => {
  const at = definition.stages.findIndex(
    ({ steps: [only, ...others] }) => only?.name === name && others.length === 0,
  );
  const next = at === -1 ? undefined : definition.stages[at + 1];
  return next === undefined || decides(next) ? [] : next.steps.map((step) => started(step.name));
};

const jsonOrNothing = (output: unknown, path: string) =>
  output === undefined ? undefined : toJson(output, path);
