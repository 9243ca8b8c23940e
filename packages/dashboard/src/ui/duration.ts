import { useSyncExternalStore } from 'react';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

/** `640 ms`, `12.3 s`, `4 min 5 s`, `2 h 10 min`. */
export const durationText = (ms: number): string => {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return coarse(ms);
};

/** Whole seconds: for what is still counting. */
export const countingText = (ms: number): string => (ms < 60_000 ? `${seconds(ms)} s` : coarse(ms));

/** `just now`, `12 s ago`, `4 min ago`, `3 d ago`. */
export const agoText = (ms: number): string => {
  const [unit, size] = UNITS.find(([, unitMs]) => ms >= unitMs) ?? [];
  return unit === undefined || ms < 5000 ? 'just now' : `${Math.floor(ms / size)} ${unit} ago`;
};

const seconds = (ms: number) => Math.max(0, Math.floor(ms / 1000));

const coarse = (ms: number): string => {
  const index = UNITS.findIndex(([, unitMs]) => ms >= unitMs);
  const [unit, size] = UNITS[index] ?? UNITS[3];
  const next = UNITS[index + 1];
  const whole = Math.floor(ms / size);
  const rest = next === undefined ? 0 : Math.floor((ms - whole * size) / next[1]);
  return rest === 0 || next === undefined ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next[0]}`;
};

/** The clock for everything on the page that counts seconds: one timer, and none when nothing counts. */
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

/** Milliseconds since 1970, updated every second. */
export const useNow = (): number => useSyncExternalStore(watch, () => now);
