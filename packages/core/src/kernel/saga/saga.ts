/**
 * A saga is a list of steps, each with its undo beside it. The engine (`engine.ts`) journals `started` before
 * a step acts and `done` with its output after, the latter in one transaction with what the step saves. After a crash
 * the same loop runs over the journal: finished steps are not repeated, a step that was under way runs again under
 * the same key, so every `do` checks before it acts. When a step fails, everything that *started* is undone, the
 * failed step included, last first.
 *
 * The rule that makes it sound: undo sees exactly what do saw: the input and the outputs of earlier steps, never its
 * own output, because a step that timed out may have acted without one. Identity is therefore made in an earlier step.
 * An undo that fails makes the run *stuck*, with both causes on record: nothing is swallowed.
 */
import type { Tx } from '../store/store.ts';

export interface Ctx<P, I, O> {
  readonly ports: P;
  readonly input: I;
  /** Outputs of the steps before, by name. */
  readonly out: O;
  /** Id of this run. */
  readonly run: string;
  /** `<run>/<step>`: the same on every try, for the outside world's idempotency. */
  readonly key: string;
  /** Aborted when the run is cancelled or the server stops. Undo gets one that is not. */
  readonly signal: AbortSignal;
}

/** What a step hands on: JSON, or nothing. A field that is undefined is left out. */
export type Output =
  | null
  | undefined
  | boolean
  | number
  | string
  | readonly Output[]
  | { readonly [key: string]: Output };

/** A reason why a step needs no undo. */
export interface NothingToUndo {
  readonly why: string;
}
export const nothingToUndo = (why: string): NothingToUndo => ({ why });

type Act<P, I, O, R> = (ctx: Ctx<P, I, O>) => Promise<R>;

export interface Step<P, I, O, R> {
  /** Acts on the world. MUST be safe to repeat under the same key. */
  readonly do?: Act<P, I, O, R>;
  /** Says in the store what is true from now on, in the transaction that journals `done`. MUST NOT touch the world. */
  readonly save?: (tx: Tx, ctx: Ctx<P, I, O>, output: NoInfer<R>) => Promise<unknown>;
  /** Takes back what `do` may have done, whether or not it did. MUST tolerate absence. */
  readonly undo: Act<P, I, O, unknown> | NothingToUndo;
  /** Takes back what `save` said, in the transaction that journals `undone`. Runs also when `save` never did. */
  readonly unsave?: (tx: Tx, ctx: Ctx<P, I, O>) => Promise<unknown>;
  /** Tries while the step fails with a retryable kind. One when absent. */
  readonly tries?: number | ((input: I) => number);
  /**
   * What it does cannot be taken back once others have built on it. So from its start on a cancel comes too late: also
   * after a crash it is first found out whether it has acted. It may still fail, and is undone then.
   */
  readonly decisive?: boolean;
}

/** After the point of no return nothing is undone: a step is repeated until it succeeds. */
export type FinalStep<P, I, O, R> = Pick<Step<P, I, O, R>, 'do' | 'save'>;

/** Steps that run together: one of them, unless they were given to `together`. */
export interface Stage<P, I> {
  readonly steps: readonly NamedStep<P, I>[];
  /** After the point of no return. */
  readonly final: boolean;
}

/** A step as the engine sees it: outputs are whatever the journal holds under the names of earlier steps. */
export interface NamedStep<P, I> extends Step<P, I, Outputs, Output> {
  readonly name: string;
}
export type Outputs = Readonly<Record<string, Output>>;

/** A finished definition, as data: the engine runs it, laws take it apart, a page can draw it. */
export interface Saga<P, I, R> {
  /**
   * `sandbox.create@1`. Another shape of steps, outputs or input makes a new version (`shapes.test.ts` holds them); runs
   * finish on the version that began them, or are undone by it (`retired`).
   */
  readonly name: string;
  /** The name without its version: `sandbox.create`. Who asks what kind of run it is asks for this. */
  readonly family: string;
  readonly stages: readonly Stage<P, I>[];
  /** What a finished run answers. */
  readonly result: (ctx: Pick<Ctx<P, I, Outputs>, 'input' | 'out' | 'run'>) => R;
  /** See `retired`. */
  readonly isRetired?: boolean | undefined;
}

/**
 * An older version whose steps cannot be gone on with. No run begins by it any more. One that was left in the middle is
 * undone with `work.outdated`, and whoever waits for it begins another one; one that is decided is seen through, so
 * its decisive step and those after it still act, and all of its steps still undo.
 */
export const retired = <P, I, R>(saga: Saga<P, I, R>): Saga<P, I, R> => ({ ...saga, isRetired: true });

/** An older version whose runs the steps of a newer one go on with: they MUST read all that it journaled. */
export const asVersion = <P, I, R>(saga: Saga<P, I, R>, version: number): Saga<P, I, R> => ({
  ...saga,
  name: `${saga.family}@${version}`,
});

/** Of the name of a run, in whatever version it began. */
export const familyOf = (name: string): string => name.slice(0, name.lastIndexOf('@'));

/** A saga whose input and result only its starter knows. */
export type AnySaga<P> = Saga<P, never, Output>;
