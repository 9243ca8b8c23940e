import { EventEmitter } from 'node:events';
import { afterEach, expect, it, vi } from 'vitest';
import { cutWhenSilent } from '../../src/http/sockets.ts';

afterEach(() => vi.useRealTimers());

/** A client at the other end of a socket, which answers pings or does not. */
const client = (answers: () => boolean, isPaused = () => false) => {
  const socket = new EventEmitter();
  const seen = { pings: 0, isCut: false };
  Object.defineProperty(socket, 'isPaused', { get: isPaused });
  cutWhenSilent(
    Object.assign(socket as EventEmitter & { readonly isPaused: boolean }, {
      ping: () => {
        seen.pings += 1;
        if (answers()) socket.emit('pong');
      },
      terminate: () => {
        seen.isCut = true;
        socket.emit('close');
      },
    }),
  );
  return seen;
};

it('cuts off a client that does not answer a ping within 15 s, and no other', () => {
  vi.useFakeTimers();
  let isThere = true;
  const [gone, well] = [client(() => isThere), client(() => true)];
  vi.advanceTimersByTime(60_000);
  expect([gone.isCut, gone.pings]).toEqual([false, 4]);
  isThere = false;
  vi.advanceTimersByTime(30_000);
  expect([gone.isCut, well.isCut]).toEqual([true, false]);
  vi.advanceTimersByTime(60_000);
  expect([gone.pings, well.pings]).toEqual([5, 10]);
});

it('keeps a client whose answers are not read, until they are read again', () => {
  vi.useFakeTimers();
  let isPaused = true;
  const typing = client(
    () => !isPaused,
    () => isPaused,
  );
  vi.advanceTimersByTime(60_000);
  isPaused = false;
  vi.advanceTimersByTime(60_000);
  expect([typing.isCut, typing.pings]).toEqual([false, 8]);
});
