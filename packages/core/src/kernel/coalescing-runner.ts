/**
 * Runs an action one call at a time. Triggers that arrive during a run coalesce into a single further run.
 */
export interface CoalescingRunner {
  trigger(): void;
  /** Resolves when nothing is running. */
  whenIdle(): Promise<void>;
}

/** `act` MUST NOT reject. */
export const createCoalescingRunner = (act: () => Promise<void>): CoalescingRunner => {
  let current: Promise<void> | undefined;
  let isAsked = false;
  const run = async (): Promise<void> => {
    while (isAsked) {
      isAsked = false;
      await act();
    }
    current = undefined;
  };
  return {
    trigger() {
      isAsked = true;
      current ??= run();
    },
    whenIdle: async () => current,
  };
};
