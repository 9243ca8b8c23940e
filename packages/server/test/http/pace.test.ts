/** How long clients may take, on both listeners, over real sockets. The limits are like those of the server and shorter. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Harness, openHarness } from './harness.ts';
import { createSandboxStub, type SandboxStub } from './sandbox-stub.ts';

const PACE = { idleMs: 200, graceMs: 400, bytesPerSecond: 65_536 };
const PIECE = Buffer.alloc(16_384, 'a');

let harness: Harness;
let stub: SandboxStub;
beforeAll(async () => {
  stub = createSandboxStub();
  harness = await openHarness({ sandboxes: stub.access }, [], PACE);
});
afterAll(() => harness[Symbol.asyncDispose]());

const LISTENERS = ['TCP', 'Unix'] as const;

const dial = (listener: (typeof LISTENERS)[number]): Socket =>
  listener === 'TCP'
    ? connect({ host: '127.0.0.1', port: Number(new URL(harness.listening.address).port) })
    : connect(harness.listening.socketPath);

const head = (line: string, ...headers: readonly string[]): string =>
  [
    `${line} HTTP/1.1`,
    'host: localhost',
    `authorization: Bearer ${harness.ownerToken}`,
    ...headers,
    '',
    '',
  ].join('\r\n');

const upload = (sizeBytes: number): string =>
  head(
    `PUT /v1/sandboxes/${stub.id}/files/content?path=a`,
    'content-type: application/octet-stream',
    `content-length: ${sizeBytes}`,
  );

/** What it says until the server ends the connection, and that it does, though this side keeps its own open. */
const untilEnded = async (socket: Socket): Promise<string> => {
  let text = '';
  socket
    .on('error', () => undefined)
    .on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
};

it('an upload may take longer than any single wait, as long as it goes on', async () => {
  const pieces = 20;
  const socket = dial('TCP');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  const begun = performance.now();
  socket.write(upload(pieces * PIECE.length));
  let sent = 0;
  const sending = setInterval(() => {
    socket.write(PIECE);
    sent += 1;
    if (sent === pieces) clearInterval(sending);
  }, 50);
  await expect.poll(() => answer, { timeout: 5000 }).toMatch(/^HTTP\/1.1 200 [\s\S]*"sizeBytes":327680/);
  expect(performance.now() - begun).toBeGreaterThan(2 * PACE.graceMs);
  socket.destroy();
});

it.each(LISTENERS)(
  'a client that stops, or sends next to nothing, is refused and hung up on: %s',
  async (listener) => {
    const stopped = dial(listener);
    stopped.write(upload(1_000_000));
    const trickling = dial(listener);
    trickling.write(upload(1_000_000));
    const trickle = setInterval(() => trickling.write('a'), 50);
    const json = dial(listener);
    json.write(head('POST /v1/tasks', 'content-type: application/json', 'content-length: 1000'));
    const slow = setInterval(() => json.write(' '), 50);
    const answers = await Promise.all([stopped, trickling, json].map(untilEnded));
    clearInterval(trickle);
    clearInterval(slow);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 408 [\s\S]*it did not arrive in time/);
  },
);

it('what is sent after the answer is not read for ever', async () => {
  const socket = dial('TCP');
  socket.write(
    head('POST /v1/nothing', 'content-type: application/octet-stream', 'content-length: 100000000'),
  );
  const flood = setInterval(() => socket.write(PIECE), 20);
  expect(await untilEnded(socket)).toMatch(/^HTTP\/1.1 404 /);
  clearInterval(flood);
});

it('a client that waits for us is not ended, and what it sent waits with it', async () => {
  const sizeBytes = 4 * 2 ** 20;
  const release = stub.holdWrites();
  const before = process.memoryUsage().arrayBuffers;
  const uploads = Array.from({ length: 24 }, async () => {
    const reply = harness.ask({
      method: 'PUT',
      path: `/v1/sandboxes/${stub.id}/files/content?path=a`,
      token: harness.ownerToken,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(sizeBytes) },
      body: BODY,
    });
    return [(await reply).status, (await reply).json.sizeBytes];
  });
  const trickling = dial('TCP');
  trickling.write(upload(1_000_000));
  const trickle = setInterval(() => trickling.write('a'), 50);
  await untilEnded(trickling);
  clearInterval(trickle);
  // Both ends are here: of 192 MiB nothing but what is on its way.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 * 2 ** 20);
  release();
  expect(await Promise.all(uploads)).toEqual(uploads.map(() => [200, sizeBytes]));
});

const BODY = Buffer.alloc(4 * 2 ** 20, 'b');

it('a client that does not take its answer is hung up on', async () => {
  const socket = dial('TCP');
  socket.write(head(`GET /v1/sandboxes/${stub.id}/files/content?path=large`));
  await expect.poll(() => stub.opened()).toBe(1);
  await expect.poll(() => stub.reading(), { timeout: 5000 }).toBe(0);
  socket.destroy();
});

it('bodies that are held as a whole have to have room, and one caller cannot take it all', async () => {
  // Nobody is too slow here.
  await using patient = await openHarness();
  const token = await patient.tokenOf('operator');
  const body = { title: 'a'.repeat(1_000_000) };
  const whole = JSON.stringify(body);
  const headers = ['content-type: application/json', `content-length: ${whole.length + 1}`];
  const held = Array.from({ length: 40 }, () =>
    connect(patient.listening.socketPath).on('error', () => undefined),
  );
  let taken = 0;
  for (const socket of held) {
    socket.write(head('POST /v1/tasks', ...headers).replace(harness.ownerToken, patient.ownerToken));
    // All but the last byte.
    socket.write(whole, (error) => {
      if (error == null) taken += 1;
    });
  }
  await expect.poll(() => taken, { timeout: 5000 }).toBe(16);
  expect((await patient.ask({ method: 'POST', path: '/v1/tasks', token, body })).status).toBe(400);
  expect(taken).toBe(16);
  for (const socket of held) socket.destroy();
});
