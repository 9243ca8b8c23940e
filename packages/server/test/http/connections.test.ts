/** Who has no token keeps nobody out: by connections that say half a request, or ask for another protocol. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, openHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
});
afterAll(() => harness[Symbol.asyncDispose]());

const HALF_A_REQUEST = 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: ';

interface Attacker extends Disposable {
  /** Opens so many more; resolves when each is there or was refused. */
  open(count: number): Promise<void>;
  readonly ended: number;
}

const attacker = (): Attacker => {
  const sockets: Socket[] = [];
  let ended = 0;
  const openOne = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(harness.listening.address).port), '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined).on('close', () => (ended += 1));
      socket
        .once('close', () => resolve())
        .once('connect', () => socket.write(HALF_A_REQUEST, () => resolve()));
      socket.resume();
    });
  return {
    open: async (count) => {
      await Promise.all(Array.from({ length: count }, openOne));
    },
    get ended() {
      return ended;
    },
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
};

const asOwner = (path: string) => harness.ask({ path, token: harness.ownerToken });

it('a thousand half requests without a token keep no caller with one out, nor end what it has open', async () => {
  const { port } = new URL(harness.listening.address);
  const kept = connect(Number(port), '127.0.0.1');
  const said: string[] = [];
  kept.on('data', (chunk) => said.push(String(chunk)));
  const stream = `GET /v1/events HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: Bearer ${harness.ownerToken}\r\n\r\n`;
  kept.write(stream);
  await expect.poll(() => said.join('')).toMatch(/^HTTP\/1.1 200 /);
  using crowd = attacker();
  for (let batch = 0; batch < 6; batch++) {
    await crowd.open(200);
    expect((await asOwner('/v1/tasks')).status).toBe(200);
  }
  await expect.poll(() => crowd.ended).toBeGreaterThanOrEqual(1200 - 512);
  expect(kept.closed).toBe(false);
  expect((await asOwner('/stats')).json.eventClients).toBe(1);
  kept.destroy();
});

it('a request whose headers do not come ends within 15 s, long before one with a body', async () => {
  using crowd = attacker();
  await crowd.open(1);
  await expect.poll(() => crowd.ended, { timeout: 15_000 }).toBe(1);
}, 20_000);

it('no route but those of terminals speaks another protocol, whoever asks', async () => {
  for (const path of ['/health', '/health/live', '/', '/docs', '/openapi.json', '/v1/tasks', '/stats'])
    for (const token of [undefined, harness.ownerToken])
      expect(await harness.upgrade({ path, token }), path).toBeGreaterThanOrEqual(400);
});
