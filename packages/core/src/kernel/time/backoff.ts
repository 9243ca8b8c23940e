/** How long to wait before the next try: doubled each time, up to a minute. */
const MAX_BACKOFF_MS = 60_000;

/** `tried` counts the tries so far, from 1. */
export const backoffMs = (baseMs: number, tried: number): number =>
  Math.min(MAX_BACKOFF_MS, baseMs * 2 ** Math.min(tried - 1, 30));
