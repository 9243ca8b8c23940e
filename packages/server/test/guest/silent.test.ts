/** A guest that is there and says nothing: the limit that is named is the one that is kept, for every call. */
import { expect, it } from 'vitest';
import { guestProcess } from './fixture.ts';

const SILENCE_MS = 1_000;
/** What is tried once may end with its connection, whose ping has half of the time. */
const SILENT = /it said nothing for 1000 ms|did not answer a ping within 500 ms/;
/** For everything but the silence, on a busy machine; tries with times of their own would add up to more than 40 s. */
const SLACK_MS = 8_000;

it('is given up by every call after the time that the message names, and works again when it wakes', async () => {
  await using guest = await guestProcess();
  const connected = guest.client(undefined, undefined, SILENCE_MS);
  const fresh = guest.client(undefined, undefined, SILENCE_MS);
  const running = await connected.start({ id: 'ex_0', argv: ['sleep', '60'] });
  guest.child.kill('SIGSTOP');

  const outputOf = async () => {
    for await (const _ of running.output()) expect.fail('it said something');
  };
  const watched = async () => {
    for await (const _ of connected.watch('.', new AbortController().signal))
      expect.fail('it said something');
  };
  const calls = [connected, fresh].flatMap((client, index) => [
    () => client.run({ id: `ex_${index}1`, argv: ['true'] }),
    () => client.run({ id: `ex_${index}2`, argv: ['true'], timeoutMs: 50 }),
    () => client.start({ id: `ex_${index}3`, argv: ['true'] }),
    () => client.attach('ex_0'),
    () => client.endCommands('ex_'),
    () => client.files.read('a'),
    () => client.files.write('a', Buffer.alloc(2 ** 20)),
    () => client.files.list('.'),
    () => client.files.remove('a'),
    () => client.files.rename('a', 'b'),
    () => client.metrics(),
    () => client.health(),
    () => client.pty({ id: `pty_${index}`, argv: ['true'], columns: 80, rows: 24, env: {} }),
    () => client.connectPort(1),
  ]);
  const begun = performance.now();
  const ends = await Promise.all(
    [
      ...calls,
      outputOf,
      watched,
      () => running.signal('SIGTERM'),
      () => running.write(0, Buffer.from('x')),
    ].map(async (call) => {
      const failure = await call().then(
        () => 'it was answered',
        (error: unknown) => String(error),
      );
      return { failure, lateMs: performance.now() - begun - SILENCE_MS };
    }),
  );
  for (const { failure, lateMs } of ends) {
    expect(failure).toMatch(SILENT);
    expect(lateMs).toBeLessThan(SLACK_MS);
  }

  guest.child.kill('SIGCONT');
  expect((await connected.run({ id: 'ex_9', argv: ['echo', 'awake'] })).stdout).toBe('awake\n');
  await running.signal('SIGKILL');
});
