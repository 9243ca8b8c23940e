/** Clients that send or take next to nothing, over both protocols: each gives its place back, and others are served. */
import { request } from 'node:http';
import { connect } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FLUSH, pktLine } from '../../src/gateway/git/pkt-line.ts';
import { createSample, gitWithToken, run, serveHub, shell, WORKSPACE } from './sample.ts';

const TOKEN = 'berth_token_of_the_sandbox';
const TASK = 'refs/heads/task/tk_1';
const PIECE_MS = 20;

let sample: Awaited<ReturnType<typeof createSample>>;
let server: Awaited<ReturnType<typeof serveHub>>;
const ends: (() => void)[] = [];
beforeAll(async () => {
  sample = await createSample();
  // More than the buffers between two programs hold.
  shell(sample.source, 'head -c 16000000 /dev/urandom > large; git add large; git commit -qm large');
  await sample.hub.importRepository(WORKSPACE, { source: sample.source });
  server = await serveHub(
    sample.hubFolder,
    { [TOKEN]: { workspaceId: WORKSPACE, writeRefs: [TASK] } },
    // One place: whoever holds it keeps all others out.
    { maxProcesses: 1, maxProcessesPerSandbox: 1, clientIdleMs: 400, minClientBytes: 2000, waitMs: 10_000 },
  );
});
afterAll(async () => {
  for (const end of ends) end();
  await server.end();
  await sample.end();
});

interface Asking {
  readonly sent: Writable;
  readonly answer: Promise<Readable>;
}

const path = (service: string): string => `/git/${WORKSPACE}/source.git/${service}`;

const overHttp1 = (service: string): Asking => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const sent = request(`${server.url}${path(service)}`, { method: 'POST', headers });
  ends.push(() => sent.destroy());
  sent.on('error', () => undefined);
  const answer = new Promise<Readable>((resolve) => {
    sent.once('response', (response) => resolve(response.on('error', () => undefined)));
  });
  return { sent, answer };
};

const overHttp2 = (service: string): Asking => {
  const session = connect(server.http2Url).on('error', () => undefined);
  ends.push(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': path(service),
    authorization: `Bearer ${TOKEN}`,
  });
  stream.on('error', () => undefined);
  const answer = new Promise<Readable>((resolve) => stream.once('response', () => resolve(stream)));
  return { sent: stream, answer };
};

const regularly = (act: () => void): void => {
  const timer = setInterval(act, PIECE_MS);
  ends.push(() => clearInterval(timer));
};

const othersAreServed = async (): Promise<void> => {
  const url = `${server.url}/git/${WORKSPACE}/source.git`;
  expect(await gitWithToken(TOKEN, sample.folder, ['ls-remote', url])).toMatchObject({ code: 0 });
};

const protocols = [
  ['HTTP/1', overHttp1],
  ['HTTP/2', overHttp2],
] as const;

test.each(protocols)('a request that drips over %s', async (_name, ask) => {
  const { sent } = ask('git-receive-pack');
  sent.write('00a0');
  regularly(() => void (sent.writable && sent.write('x')));
  await othersAreServed();
});

test.each(protocols)('an answer that is taken in drops over %s', async (_name, ask) => {
  const { sent, answer } = ask('git-upload-pack');
  const main = run(sample.source, ['rev-parse', 'HEAD']);
  sent.end(Buffer.concat([pktLine(`want ${main} side-band-64k ofs-delta\n`), FLUSH, pktLine('done\n')]));
  const taken = (await answer).pause();
  regularly(() => void taken.read(10));
  await othersAreServed();
});
