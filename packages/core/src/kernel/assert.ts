/** A mistake of ours, not of the user or the world: it ends the operation and is worth a bug report. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

/** States what cannot be otherwise. `why` says why it cannot. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new AssertionFailed(why);
}
