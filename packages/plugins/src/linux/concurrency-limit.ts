/** Limits concurrency; the others wait in FIFO order. */
export const createConcurrencyLimit = (most: number): (<T>(act: () => Promise<T>) => Promise<T>) => {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    // A finished one passes its slot on, so that a newcomer cannot take it from a waiter.
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
