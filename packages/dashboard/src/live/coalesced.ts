/**
 * Runs the work now, or once more after the current run: however many events trigger it, the final result is newer
 * than the last of them, and there is one request at a time.
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
