/** An act that runs one at a time: asked for while it runs, it runs once more afterwards, however often it was asked. */
export interface CoalescingRunner {
  trigger(): void;
  /** Resolves when no round is under way. */
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
