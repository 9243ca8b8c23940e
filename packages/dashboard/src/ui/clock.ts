/** The time of day for everything on the page that counts seconds: one timer, and none when nothing counts. */
import { useSyncExternalStore } from 'react';

const TICK_MS = 1000;
const watchers = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

const tick = () => {
  now = Date.now();
  for (const watcher of watchers) watcher();
};

const watch = (onTick: () => void) => {
  watchers.add(onTick);
  timer ??= setInterval(tick, TICK_MS);
  return () => {
    watchers.delete(onTick);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
};

/** Milliseconds since 1970, renewed every second. */
export const useNow = (): number => useSyncExternalStore(watch, () => now);
