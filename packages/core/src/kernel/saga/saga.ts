/**
 * A saga is a list of steps, each next to its undo. The engine (`engine.ts`) journals `started` before a step
 * acts and `done` with its output afterwards, the latter in one transaction with whatever the step saves.
 * After a crash the same loop replays the journal: finished steps are skipped, and an interrupted step runs
 * again under the same key, so every `do` checks before it acts. When a step fails, every step that has
 * *started*, including the failed one, is undone in reverse order.
 *
 * What makes this sound: undo sees exactly what do saw, that is, the input and the outputs of earlier steps
 * but never its own output, because a step that timed out may have acted without producing one. Identity is
 * therefore created in an earlier step. If an undo fails, the run becomes *stuck* with both causes recorded:
 * nothing is swallowed.
 */
import type { Tx } from '../store/store.ts';

export interface Ctx<P, I, O> {
  readonly ports: P;
  readonly input: I;
  /** Outputs of earlier steps, by name. */
  readonly out: O;
  /** The id of this run. */
  readonly run: string;
  /** `<run>/<step>`: the same on every attempt; serves as the idempotency key for external calls. */
  readonly key: string;
  /** Aborted when the run is cancelled or the server stops. Undo gets a signal that never aborts. */
  readonly signal: AbortSignal;
}

/** What a step passes on: JSON, or nothing. Undefined fields are omitted. */
export type Output =
  | null
  | undefined
  | boolean
  | number
  | string
  | readonly Output[]
  | { readonly [key: string]: Output };

/** Why a step needs no undo. */
export interface NothingToUndo {
  readonly why: string;
}
export const nothingToUndo = (why: string): NothingToUndo => ({ why });

type Act<P, I, O, R> = (ctx: Ctx<P, I, O>) => Promise<R>;

export interface Step<P, I, O, R> {
  /** Acts on the world. MUST be safe to repeat under the same key. */
  readonly do?: Act<P, I, O, R>;
  /** Records the new facts in the transaction that journals `done`. MUST NOT touch the world. */
  readonly save?: (tx: Tx, ctx: Ctx<P, I, O>, output: NoInfer<R>) => Promise<unknown>;
  /** Undoes whatever `do` may have done, if anything. MUST tolerate that nothing was done. */
  readonly undo: Act<P, I, O, unknown> | NothingToUndo;
  /** Reverts `save` in the transaction that journals `undone`. Also runs if `save` never did. */
  readonly unsave?: (tx: Tx, ctx: Ctx<P, I, O>) => Promise<unknown>;
  /** Attempts while the step fails with a retryable kind. Default: 1. */
  readonly tries?: number | ((input: I) => number);
  /**
   * The effect cannot be undone once other work builds on it, so from the start of this step a cancel comes
   * too late; even after a crash the engine first finds out whether it has acted. The step may still fail,
   * and is then undone.
   */
  readonly decisive?: boolean;
}

/** Nothing is undone after the point of no return: a step is retried until it succeeds. */
export type FinalStep<P, I, O, R> = Pick<Step<P, I, O, R>, 'do' | 'save'>;

/** Steps that run concurrently; a single step unless they were passed to `together`. */
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

/** A finished definition, as data: the engine runs it, laws inspect it, and a page can draw it. */
export interface Saga<P, I, R> {
  /**
   * `sandbox.create@1`. A change to steps, outputs or input requires a new version (`shapes.test.ts` enforces
   * this). A run finishes on the version it started with, or is undone by it (`retired`).
   */
  readonly name: string;
  /** The name without its version: `sandbox.create`. Use it to tell what kind of run it is. */
  readonly family: string;
  readonly stages: readonly Stage<P, I>[];
  /** The result of a finished run. */
  readonly result: (ctx: Pick<Ctx<P, I, Outputs>, 'input' | 'out' | 'run'>) => R;
  /** See `retired`. */
  readonly isRetired?: boolean | undefined;
}

/**
 * An older version whose steps can no longer be continued. No new run starts with it. An interrupted run is
 * undone with `work.outdated`, and whoever waits for it starts another. A decided run is completed, so the
 * decisive step and those after it must still act, and all of its steps must still undo.
 */
export const retired = <P, I, R>(saga: Saga<P, I, R>): Saga<P, I, R> => ({ ...saga, isRetired: true });

/**
 * An older version whose runs are continued by the steps of a newer one, which MUST be able to read
 * everything it journaled.
 */
export const asVersion = <P, I, R>(saga: Saga<P, I, R>, version: number): Saga<P, I, R> => ({
  ...saga,
  name: `${saga.family}@${version}`,
});

/** The family of a run's name, whatever its version. */
export const familyOf = (name: string): string => name.slice(0, name.lastIndexOf('@'));

/** A saga whose input and result types only its starter knows. */
export type AnySaga<P> = Saga<P, never, Output>;
