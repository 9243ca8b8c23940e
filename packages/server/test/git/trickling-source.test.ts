/**
 * Sources over https that stop in the middle of an answer, or send a byte now and then for ever: each ends by the limit
 * that is for it, with all that git started, and keeps nobody else waiting.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHub } from '../../src/git/hub/hub.ts';
import { createSample, hostGit, run, sealed, shell, WORKSPACE } from './sample.ts';

const SILENCE_SECONDS = 1;
const OTHER = 'ws_00000000000000000002';

let sample: Awaited<ReturnType<typeof createSample>>;
let server: Server;
let port = 0;
/** Answers that are being written a byte at a time. */
const trickles = new Set<NodeJS.Timeout>();

const begin = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
  response.write('001e# service=git-upload-pack\n0000');
};

beforeAll(async () => {
  sample = await createSample();
  const at = (name: string) => join(sample.folder, name);
  execaSync('openssl', [
    ...['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '1'],
    ...['-subj', '/CN=127.0.0.1', '-keyout', at('key.pem'), '-out', at('cert.pem')],
  ]);
  const tls = { key: readFileSync(at('key.pem')), cert: readFileSync(at('cert.pem')) };
  server = createServer(tls, (request, response) => {
    begin(response);
    if (request.url?.startsWith('/trickle') !== true) return;
    // One long line, a byte at a time: git waits for its end.
    response.write('ffff');
    const trickle = setInterval(() => response.write('x'), 50);
    trickles.add(trickle);
    response.once('close', () => clearInterval(trickle));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  for (const trickle of trickles) clearInterval(trickle);
  server.closeAllConnections();
  server.close();
  await sample.end();
});

const from = (name: string) => `https://127.0.0.1:${port}/${name}.git`;
const environment = { ...sealed, GIT_SSL_NO_VERIFY: '1' };

/** Programs that speak with our server. */
const speakers = (): readonly string[] =>
  readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return command.includes(`127.0.0.1:${port}/`) ? [command] : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });

test('an import from one that falls silent in the middle of its answer ends after that time, and says so', async () => {
  const { run: git } = hostGit(environment, SILENCE_SECONDS);
  const hub = createHub({ folder: join(sample.folder, 'silent-hub'), git });
  await expect(hub.importRepository(WORKSPACE, { source: from('silent') })).rejects.toMatchObject({
    code: 'repository.unreachable',
    message: expect.stringContaining('it stopped responding in the middle of a transfer'),
  });
  expect(speakers()).toEqual([]);
});

test('one that sends a byte now and then is no silence, and ends with the time of the command', async () => {
  const { run: git } = hostGit(environment, SILENCE_SECONDS);
  const timeoutMs = 2_500;
  const asked = git(['ls-remote', '--', from('trickle')], { as: 'user', timeoutMs });
  await expect(asked).rejects.toMatchObject({ code: 'git.timeout', details: { timeoutMs } });
  expect(speakers()).toEqual([]);
});

test('who wants to know what is new there waits a little and then no more, and others not at all', async () => {
  const { run: git } = hostGit(environment);
  const hub = createHub({ folder: join(sample.folder, 'hub'), git, refreshPatienceMs: 500 });
  const near = await hub.importRepository(OTHER, { source: sample.source });
  const slow = {
    ...(await hub.importRepository(WORKSPACE, { source: sample.source })),
    source: from('trickle'),
  };
  shell(sample.source, 'echo two >> a.txt; git commit -qam second');

  let isWaiting = true;
  const waiting = Promise.all([1, 2, 3, 4].map(() => hub.refresh(WORKSPACE, slow))).finally(() => {
    isWaiting = false;
  });
  const begun = performance.now();
  await hub.refresh(OTHER, near);
  expect(await hub.resolve(OTHER, 'source', 'refs/heads/main')).toBe(
    run(sample.source, ['rev-parse', 'HEAD']),
  );
  expect(isWaiting || performance.now() - begun >= 500).toBe(true);
  await waiting;
  // It is still being asked, and nobody waits for that any more.
  await hub.refresh(WORKSPACE, slow);
  expect(speakers()).not.toEqual([]);
});
