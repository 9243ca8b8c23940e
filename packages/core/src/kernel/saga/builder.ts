/**
 * Writes a saga down: `saga<Ports, Input>('sandbox.create', 1).step('id', { do, undo }).….returns(…)`.
 * The types hold the rule of `saga.ts`: a step sees the outputs before it, its own name is new, its undo is there.
 */
import { assert } from '../assert.ts';
import {
  type Ctx,
  type FinalStep,
  familyOf,
  type NamedStep,
  nothingToUndo,
  type Output,
  type Saga,
  type Stage,
  type Step,
} from './saga.ts';

interface Returns<P, I, O> {
  /** Ends the definition with what a finished run answers. MUST be pure. */
  returns<R extends Output>(result: (ctx: Pick<Ctx<P, I, O>, 'input' | 'out' | 'run'>) => R): Saga<P, I, R>;
}

export interface SagaBuilder<P, I, O> extends Returns<P, I, O> {
  step<const N extends string, R extends Returned = undefined>(
    name: Fresh<N, O>,
    step: Step<P, I, O, R>,
  ): SagaBuilder<P, I, O & Named<N, R>>;
  /** Steps that do not need each other: they act at the same time and see the same outputs. */
  together<T extends Readonly<Record<string, Returned>>>(
    steps: { readonly [N in keyof T]: Step<P, I, O, T[N]> } & { readonly [N in keyof O]?: never },
  ): SagaBuilder<P, I, O & Readonly<T>>;
  /** From here on there is only forward: a failing step is repeated until it succeeds, a cancel comes too late. */
  pointOfNoReturn(): FinalSagaBuilder<P, I, O>;
}

export interface FinalSagaBuilder<P, I, O> extends Returns<P, I, O> {
  step<const N extends string, R extends Returned = undefined>(
    name: Fresh<N, O>,
    step: FinalStep<P, I, O, R>,
  ): FinalSagaBuilder<P, I, O & Named<N, R>>;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a step may end with an act that returns nothing.
type Returned = Output | void;
type Named<N extends string, R> = { readonly [K in N]: R };
type Fresh<N extends string, O> = N extends keyof O ? `there is a step ${N} already` : N;
type NoOutputs = Readonly<Record<never, never>>;

/** `name` is `noun.verb`; `version` grows when the steps change. */
export const saga = <P, I>(name: `${string}.${string}`, version: number): SagaBuilder<P, I, NoOutputs> =>
  builder<P, I>(`${name}@${version}`, []);

const builder = <P, I>(name: string, stages: readonly Stage<P, I>[]): SagaBuilder<P, I, NoOutputs> => {
  const build = {
    step: (step: string, body: object) => builder(name, withStage(stages, { [step]: body }, false)),
    together: (steps: Readonly<Record<string, object>>) => builder(name, withStage(stages, steps, false)),
    pointOfNoReturn: () => finalBuilder(name, stages),
    returns: (result: Saga<P, I, Output>['result']) => ({ name, family: familyOf(name), stages, result }),
  };
  // The interfaces above say more about outputs than a value can: the types of all steps so far.
  return build as unknown as SagaBuilder<P, I, NoOutputs>;
};

const finalBuilder = <P, I>(name: string, stages: readonly Stage<P, I>[]): unknown => ({
  step: (step: string, body: object) =>
    finalBuilder(name, withStage(stages, { [step]: { ...body, undo: NO_UNDO } }, true)),
  returns: (result: Saga<P, I, Output>['result']) => ({ name, family: familyOf(name), stages, result }),
});

const NO_UNDO = nothingToUndo('it lies after the point of no return');
const STEP_NAME = /^[a-zA-Z][a-zA-Z0-9_]*$/;

const withStage = <P, I>(
  stages: readonly Stage<P, I>[],
  bodies: Readonly<Record<string, object>>,
  final: boolean,
): readonly Stage<P, I>[] => {
  const taken = new Set(stages.flatMap((stage) => stage.steps.map((step) => step.name)));
  const steps = Object.entries(bodies).map(([name, body]) => {
    assert(STEP_NAME.test(name) && !taken.has(name), `the step name ${name} is a new word`);
    return { name, ...body } as NamedStep<P, I>;
  });
  return [...stages, { steps, final }];
};
