/**
 * A bug in Berth, not a mistake by the user or a failure outside. It ends the operation and deserves a bug
 * report.
 */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

/** Asserts an invariant; `why` explains why it must hold. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new AssertionFailed(why);
}
