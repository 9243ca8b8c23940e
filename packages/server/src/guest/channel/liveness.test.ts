import { EventEmitter } from 'node:events';
import type { Http2Session } from 'node:http2';
import { afterEach, expect, it, vi } from 'vitest';
import { keepAlive } from './liveness.ts';

afterEach(() => vi.useRealTimers());

it('ends the session with a guest that is there and does not answer within 30 s', () => {
  vi.useFakeTimers();
  let answers = true;
  const destroyed: unknown[] = [];
  const session = Object.assign(new EventEmitter(), {
    destroyed: false,
    closed: false,
    ping: (done: () => void) => answers && done(),
    destroy: (error: unknown) => destroyed.push(error),
  });
  keepAlive(session as unknown as Http2Session);
  vi.advanceTimersByTime(120_000);
  expect(destroyed).toEqual([]);
  answers = false;
  vi.advanceTimersByTime(30_000);
  expect(destroyed).toHaveLength(1);
  session.emit('close');
  vi.advanceTimersByTime(120_000);
  expect(destroyed).toHaveLength(1);
});
