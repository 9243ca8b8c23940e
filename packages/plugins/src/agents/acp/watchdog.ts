/**
 * Notices that an agent hangs. Four limits, of which at most two count at a time: `start` until the conversation is
 * open; then `silence` since the last sign of life, or `tool` instead of it while a tool is in flight (a test suite may
 * well say nothing for minutes); and `turn` for the whole answer. While a cancellation is under way the cancel ladder
 * has limits of its own.
 */
import type { StateOf } from '@berth/contract';
import type { acpStates } from './states.ts';
import type { Timers } from './timers.ts';

export interface WatchdogLimits {
  readonly startMs: number;
  readonly silenceMs: number;
  readonly toolMs: number;
  readonly turnMs: number;
}

export interface Expiry {
  readonly limit: 'start' | 'silence' | 'tool' | 'turn';
  readonly silentMs: number;
}

export interface Watchdog {
  enter(state: StateOf<typeof acpStates>): void;
  heard(toolsInFlight: number): void;
  stop(): void;
}

export const createWatchdog = (
  limits: WatchdogLimits,
  timers: Timers,
  expired: (expiry: Expiry) => void,
): Watchdog => {
  const bornAt = timers.now();
  let state: StateOf<typeof acpStates> = 'spawning';
  let promptedAt: number | undefined;
  let heardAt = bornAt;
  let toolsInFlight = 0;
  let forget: (() => void) | undefined;
  let stopped = false;

  const dues = (): readonly (readonly [Expiry['limit'], number])[] => {
    if (state === 'spawning' || state === 'handshaking' || state === 'opening')
      return [['start', bornAt + limits.startMs]];
    if (state !== 'running' && state !== 'blocked') return [];
    return [
      toolsInFlight > 0 ? ['tool', heardAt + limits.toolMs] : ['silence', heardAt + limits.silenceMs],
      ['turn', (promptedAt ?? heardAt) + limits.turnMs],
    ];
  };
  // Looks again when the nearest limit could be reached: hearing something costs no timer.
  const arm = () => {
    forget?.();
    const nearest = [...dues()].sort((a, b) => a[1] - b[1])[0];
    if (stopped || nearest === undefined) return;
    const [limit, dueAt] = nearest;
    const leftMs = dueAt - timers.now();
    if (leftMs > 0) forget = timers.after(leftMs, arm);
    else {
      stopped = true;
      expired({ limit, silentMs: Math.round(timers.now() - heardAt) });
    }
  };
  arm();
  return {
    enter(entered) {
      state = entered;
      if (state === 'running') promptedAt ??= timers.now();
      heardAt = timers.now();
      arm();
    },
    heard(inFlight) {
      heardAt = timers.now();
      const changed = inFlight > 0 !== toolsInFlight > 0;
      toolsInFlight = inFlight;
      if (changed) arm();
    },
    stop() {
      stopped = true;
      forget?.();
    },
  };
};
