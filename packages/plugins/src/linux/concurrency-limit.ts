/** Runs acts so many at once; the others wait in the order of asking. */
export const createConcurrencyLimit = (most: number): (<T>(act: () => Promise<T>) => Promise<T>) => {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    // Whoever ends hands its place on, so that nobody who comes then can take it from who waited.
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
};
