/**
 * Detects a hung agent. Four limits, of which at most two apply at a time: `start` until the conversation is open;
 * then `silence` since the last sign of life, or `tool` instead of it while a tool is in flight (a test suite may be
 * silent for minutes); and `turn` for the whole answer. During a cancellation the escalation has its own limits.
 */
import { type BerthError, fail, type StateOf } from '@berth/contract';
import type { Timers } from './end-process.ts';
import type { acpStates } from './states.ts';

export interface WatchdogLimits {
  readonly startMs: number;
  readonly silenceMs: number;
  readonly toolMs: number;
  readonly turnMs: number;
}

export interface Expiry {
  readonly limit: 'start' | 'silence' | 'tool' | 'turn';
  readonly limitMs: number;
}

/** The name of a timeout. */
export const failureOf = (agent: string, { limit, limitMs }: Expiry): BerthError =>
  limit === 'turn'
    ? fail('agent.overtime', { agent, turnMs: limitMs })
    : fail('agent.hung', { agent, silentMs: limitMs, limit });

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

  const due = (limit: Expiry['limit'], since: number) => {
    const limitMs = limits[`${limit}Ms`];
    return { limit, limitMs, at: since + limitMs };
  };
  const dues = () => {
    if (state === 'spawning' || state === 'handshaking' || state === 'opening') return [due('start', bornAt)];
    if (state !== 'running' && state !== 'blocked') return [];
    return [due(toolsInFlight > 0 ? 'tool' : 'silence', heardAt), due('turn', promptedAt ?? heardAt)];
  };
  // Rechecks when the nearest limit could be reached: a sign of life costs no timer.
  const arm = () => {
    forget?.();
    const [nearest] = dues().sort((a, b) => a.at - b.at);
    if (stopped || nearest === undefined) return;
    const { limit, limitMs, at } = nearest;
    const leftMs = at - timers.now();
    if (leftMs > 0) forget = timers.after(leftMs, arm);
    else {
      stopped = true;
      expired({ limit, limitMs });
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
