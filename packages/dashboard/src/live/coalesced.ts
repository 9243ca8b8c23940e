/**
 * Runs the work now, or once more after the run that is under way: however many events ask for it, what is seen at the
 * end is newer than the last of them, and the server is asked one question at a time.
 */
export const coalesced = (work: () => Promise<void>): (() => void) => {
  let isRunning = false;
  let isWanted = false;
  const run = async () => {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await work();
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
};
