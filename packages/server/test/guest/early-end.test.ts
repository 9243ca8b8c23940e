/** A session that ends in the moment in which it is made must not take the server with it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { ACCEPTED } from '@berth/contract/guest';
import { expect, test } from 'vitest';
import { openControl } from '../../src/guest/channel/control.ts';
import { attachUplink } from '../../src/guest/channel/uplink.ts';

/** The first frame of either side: settings, empty. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const CLIENT_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const uncaught = async (act: () => Promise<void>): Promise<unknown[]> => {
  const errors: unknown[] = [];
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => errors.push(error));
  await act();
  await new Promise((resolve) => setImmediate(resolve));
  process.removeAllListeners('uncaughtException');
  for (const listener of before) process.on('uncaughtException', listener);
  return errors;
};

/** A real socket, whose bytes Node's HTTP/2 takes over itself; the other end has said all this at once. */
const hearing = async (said: Buffer, act: (ours: Duplex) => Promise<void>): Promise<void> => {
  const server = createServer((theirs) => {
    theirs.on('error', () => undefined);
    theirs.write(said);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has such an address.
  const ours = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(ours, 'connect');
  await act(ours);
  ours.destroy();
  server.close();
};

test.each([
  {
    what: 'a control connection',
    said: [Buffer.from(ACCEPTED), SETTINGS],
    open: (ours: Duplex) => openControl(ours, { id: 'sb_early' }),
  },
  {
    what: 'an uplink',
    said: [Buffer.from(ACCEPTED), CLIENT_PREFACE, SETTINGS],
    open: (ours: Duplex) =>
      attachUplink(ours, {
        sandboxId: 'sb_early',
        handler: { onConnect: () => undefined, onRequest: () => undefined },
      }),
  },
])('$what that is closed at once', async ({ said, open }) => {
  const errors = await uncaught(() =>
    hearing(Buffer.concat(said), async (ours) => {
      (await open(ours)).close();
    }),
  );
  expect(errors).toEqual([]);
});
