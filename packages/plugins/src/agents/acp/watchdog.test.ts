import { describe, expect, it } from 'vitest';
import type { Timers } from './end-process.ts';
import { createWatchdog, type Expiry } from './watchdog.ts';

/** Time that passes when it is told to. */
const manualTimers = (): Timers & { pass(ms: number): void } => {
  let now = 0;
  let due: { at: number; then: () => void }[] = [];
  return {
    now: () => now,
    after(ms, then) {
      const entry = { at: now + ms, then };
      due.push(entry);
      return () => {
        due = due.filter((other) => other !== entry);
      };
    },
    pass(ms) {
      const end = now + ms;
      for (;;) {
        const next = due.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        due = due.filter((entry) => entry !== next);
        now = next.at;
        next.then();
      }
      now = end;
    },
  };
};

describe('the watchdog', () => {
  const start = () => {
    const timers = manualTimers();
    const expired: Expiry[] = [];
    const limits = { startMs: 100, silenceMs: 50, toolMs: 200, turnMs: 1_000 };
    const watchdog = createWatchdog(limits, timers, (expiry) => expired.push(expiry));
    return { timers, expired, watchdog };
  };

  it('waits for the start, whatever is said meanwhile', () => {
    const { timers, expired, watchdog } = start();
    timers.pass(60);
    watchdog.enter('handshaking');
    watchdog.heard(0);
    timers.pass(39);
    expect(expired).toEqual([]);
    timers.pass(1);
    expect(expired).toMatchObject([{ limit: 'start' }]);
  });

  it('counts silence from the last word, and none while a tool runs', () => {
    const { timers, expired, watchdog } = start();
    watchdog.enter('running');
    timers.pass(40);
    watchdog.heard(0);
    timers.pass(40);
    watchdog.heard(1);
    timers.pass(190);
    watchdog.heard(0);
    timers.pass(49);
    expect(expired).toEqual([]);
    timers.pass(1);
    expect(expired).toEqual([{ limit: 'silence', limitMs: 50 }]);
    timers.pass(10_000);
    expect(expired).toHaveLength(1);
  });

  it('gives a tool its own limit, and the whole turn another', () => {
    const tool = start();
    tool.watchdog.enter('running');
    tool.watchdog.heard(1);
    tool.timers.pass(200);
    expect(tool.expired).toMatchObject([{ limit: 'tool' }]);

    const turn = start();
    turn.watchdog.enter('running');
    for (let at = 0; at < 1_000; at += 40) {
      turn.watchdog.heard(0);
      turn.timers.pass(40);
    }
    expect(turn.expired).toMatchObject([{ limit: 'turn' }]);
  });

  it('is quiet while cancelling, and after it was stopped', () => {
    const { timers, expired, watchdog } = start();
    watchdog.enter('cancelling');
    timers.pass(10_000);
    watchdog.enter('running');
    watchdog.stop();
    timers.pass(10_000);
    expect(expired).toEqual([]);
  });
});
