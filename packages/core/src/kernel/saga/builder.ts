/**
 * Builds a saga definition: `saga<Ports, Input>('sandbox.create', 1).step('id', { do, undo }).….returns(…)`.
 * The types enforce the rules of `saga.ts`: a step sees the outputs of earlier steps, has a unique name, and
 * defines its undo.
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
  /** Completes the definition with the result of a finished run. MUST be pure. */
  returns<R extends Output>(result: (ctx: Pick<Ctx<P, I, O>, 'input' | 'out' | 'run'>) => R): Saga<P, I, R>;
}

export interface SagaBuilder<P, I, O> extends Returns<P, I, O> {
  step<const N extends string, R extends Returned = undefined>(
    name: Fresh<N, O>,
    step: Step<P, I, O, R>,
  ): SagaBuilder<P, I, O & Named<N, R>>;
  /** Independent steps: they run concurrently and see the same outputs. */
  together<T extends Readonly<Record<string, Returned>>>(
    steps: { readonly [N in keyof T]: Step<P, I, O, T[N]> } & { readonly [N in keyof O]?: never },
  ): SagaBuilder<P, I, O & Readonly<T>>;
  /**
   * From here on the saga only goes forward: a failing step is retried until it succeeds, and a cancel comes
   * too late.
   */
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

/** `name` is `noun.verb`; `version` is incremented when the steps change. */
export const saga = <P, I>(name: `${string}.${string}`, version: number): SagaBuilder<P, I, NoOutputs> =>
  builder<P, I>(`${name}@${version}`, []);

const builder = <P, I>(name: string, stages: readonly Stage<P, I>[]): SagaBuilder<P, I, NoOutputs> => {
  const build = {
    step: (step: string, body: object) => builder(name, withStage(stages, { [step]: body }, false)),
    together: (steps: Readonly<Record<string, object>>) => builder(name, withStage(stages, steps, false)),
    pointOfNoReturn: () => finalBuilder(name, stages),
    returns: (result: Saga<P, I, Output>['result']) => ({ name, family: familyOf(name), stages, result }),
  };
  // The interfaces above carry more about outputs than a value can: the types of all steps so far.
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
