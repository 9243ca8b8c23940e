/**
 * A saga is a list of steps with their way back beside them. The engine (`saga-engine.ts`) journals `started` before
 * a step acts and `done` with its output after, the latter in one transaction with what the step saves. After a crash
 * the same loop runs over the journal: finished steps are not repeated, a step that was under way runs again under
 * the same key, so every `do` checks before it acts. When a step fails, everything that *started* is undone, the
 * failed step included, last first.
 *
 * The rule that makes it sound: undo sees exactly what do saw: the input and the outputs of earlier steps, never its
 * own output, because a step that timed out may have acted without one. Identity is therefore made in an earlier step.
 * An undo that fails makes the run *stuck*, with both causes on record: nothing is swallowed.
 */
import type { Json } from '@berth/plugin-api';
import type { Tx } from './store.ts';

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

/** A reason why a step needs no way back. */
export interface NothingToUndo {
  readonly why: string;
}
export const nothingToUndo = (why: string): NothingToUndo => ({ why });

type Act<P, I, O, R> = (ctx: Ctx<P, I, O>) => Promise<R>;

export interface Step<P, I, O, R extends Json | undefined> {
  /** Acts on the world. MUST be safe to repeat under the same key. */
  readonly do?: Act<P, I, O, R>;
  /** Says in the store what is true from now on, in the transaction that journals `done`. MUST NOT touch the world. */
  readonly save?: (tx: Tx, ctx: Ctx<P, I, O>, output: R) => Promise<void>;
  /** Takes back what `do` may have done, whether or not it did. MUST tolerate absence. */
  readonly undo: Act<P, I, O, void> | NothingToUndo;
  /** Takes back what `save` said, in the transaction that journals `undone`. Runs also when `save` never did. */
  readonly unsave?: (tx: Tx, ctx: Ctx<P, I, O>) => Promise<void>;
  /** Tries of `do` while it fails with a retryable kind. One when absent. */
  readonly tries?: number;
}

/** After the point of no return there is no way back: a step is repeated until it succeeds. */
export interface FinalStep<P, I, O, R extends Json | undefined> {
  readonly do?: Act<P, I, O, R>;
  readonly save?: (tx: Tx, ctx: Ctx<P, I, O>, output: R) => Promise<void>;
}
