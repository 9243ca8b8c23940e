/**
 * Token bucket of the CPU time that git may use per sandbox: a capacity available immediately that refills steadily.
 * It bounds many processes in sequence, in addition to the per-process limit. It is kept in memory: no sandbox can
 * restart the server.
 */
export interface ProcessorBudgetLimits {
  readonly seconds: number;
  /** Time to refill completely. */
  readonly refillMs: number;
}

export interface ProcessorBudget {
  leftSeconds(sandboxId: string): number;
  /** Until some is available; 0 when it is. */
  waitMs(sandboxId: string): number;
  spend(sandboxId: string, seconds: number): void;
}

interface Spent {
  readonly seconds: number;
  readonly atMs: number;
}

/**
 * @param now from a monotonic clock
 */
export const createProcessorBudget = (
  { seconds: total, refillMs }: ProcessorBudgetLimits,
  now: () => number = () => performance.now(),
): ProcessorBudget => {
  /** For sandboxes whose bucket is not full. */
  const sandboxes = new Map<string, Spent>();
  const msPerSecond = refillMs / total;
  const spentBy = (spent: Spent | undefined): number =>
    spent === undefined ? 0 : Math.max(0, spent.seconds - (now() - spent.atMs) / msPerSecond);
  const leftSeconds = (sandboxId: string): number => total - spentBy(sandboxes.get(sandboxId));
  return {
    leftSeconds,
    waitMs: (sandboxId) => Math.max(0, -leftSeconds(sandboxId) * msPerSecond),
    spend(sandboxId, seconds) {
      for (const [id, spent] of sandboxes) if (spentBy(spent) === 0) sandboxes.delete(id);
      sandboxes.set(sandboxId, { seconds: spentBy(sandboxes.get(sandboxId)) + seconds, atMs: now() });
    },
  };
};
