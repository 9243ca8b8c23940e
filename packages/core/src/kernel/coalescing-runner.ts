/** An act that runs one at a time: asked for while it runs, it runs once more afterwards, however often it was asked. */
export interface Rounds {
  ask(): void;
  /** Resolves when no round is under way. */
  rest(): Promise<void>;
}

/** `act` MUST NOT reject. */
export const createRounds = (act: () => Promise<void>): Rounds => {
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
    ask() {
      isAsked = true;
      current ??= run();
    },
    rest: async () => current,
  };
};
