/**
 * The processor time that git may spend for one sandbox over time: an amount that is there at once and comes back
 * steadily. Each process has a limit of its own beside it; this one holds many of them, one after the other. It is kept
 * in memory: no sandbox can restart the server.
 */
export interface ProcessorBudgetLimits {
  readonly seconds: number;
  /** In which what was spent comes back. */
  readonly refillMs: number;
}

export interface ProcessorBudget {
  leftSeconds(sandboxId: string): number;
  /** Until there is some again; 0 when there is. */
  waitMs(sandboxId: string): number;
  spend(sandboxId: string, seconds: number): void;
}

interface Spent {
  readonly seconds: number;
  readonly atMs: number;
}

/** @param now of a clock that nobody sets */
export const createProcessorBudget = (
  { seconds: total, refillMs }: ProcessorBudgetLimits,
  now: () => number = () => performance.now(),
): ProcessorBudget => {
  /** Of those that have spent something that is not back yet. */
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
