/** How a stage of the gate ended. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Why, a sentence each. */
  readonly reasons: readonly string[];
}
