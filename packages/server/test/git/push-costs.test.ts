/** What a push may make the host spend: memory, processor, disk. Each is bounded, and beyond it only the push fails. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FLUSH, pktLine } from '../../src/gateway/git/pkt-line.ts';
import { MAX_PUSH_OBJECTS } from '../../src/gateway/git/push-commands.ts';
import { PUSH_LIMITS } from '../../src/gateway/git/serve-git.ts';
import { createSample, gitWithToken, serveHub, shell, WORKSPACE } from './sample.ts';
import { unfoldingPack } from './unfolding-pack.ts';

const TOKEN = 'berth_token_of_the_sandbox';
const TASK = 'refs/heads/task/tk_1';
const ABSENT = '0'.repeat(40);
const grants = { [TOKEN]: { workspaceId: WORKSPACE, writeRefs: [TASK] } };

let sample: Awaited<ReturnType<typeof createSample>>;
let server: Awaited<ReturnType<typeof serveHub>>;
let clone: string;
beforeAll(async () => {
  sample = await createSample();
  await sample.hub.importRepository(WORKSPACE, { source: sample.source });
  server = await serveHub(sample.hubFolder, grants);
  clone = path.join(sample.folder, 'clone');
  expect(await client(sample.folder, ['clone', '-q', url(), clone])).toMatchObject({ code: 0 });
  shell(clone, 'echo work > work; git add work; git commit -qm work');
});
afterAll(async () => {
  await server.end();
  await sample.end();
});

const url = (of = server) => `${of.url}/git/${WORKSPACE}/source.git`;

const client = (cwd: string, args: readonly string[]) => gitWithToken(TOKEN, cwd, args);

const post = async (body: Buffer, of = server) => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await fetch(`${url(of)}/git-receive-pack`, {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
  });
  return { text: await answer.text() };
};

const pushOf = (commit: string, pack: Buffer) =>
  Buffer.concat([pktLine(`${ABSENT} ${commit} ${TASK}\0report-status side-band-64k`), FLUSH, pack]);

/** The most that any git below this process has had at one time, in bytes, until the work is done. */
const peakWhile = async <T>(work: Promise<T>): Promise<[number, T]> => {
  const state = { isDone: false, peak: 0 };
  const done = work.finally(() => {
    state.isDone = true;
  });
  while (!state.isDone) {
    for (const id of await readdir('/proc')) {
      const status = /^\d+$/.test(id) && (await readFile(`/proc/${id}/status`, 'utf8').catch(() => ''));
      if (!status || !/^Name:\tgit$/m.test(status)) continue;
      const cmdline = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
      const had = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
      if (/index-pack|unpack/.test(cmdline)) state.peak = Math.max(state.peak, had);
    }
  }
  return [state.peak, await done];
};

test('a pack of 8 KB that unfolds to 512 MiB is refused in words, and others are served meanwhile', async () => {
  const { commit, pack } = unfoldingPack(64);
  expect(pack.length).toBeLessThan(10_000);
  const pushed = post(pushOf(commit, pack));
  const [[peak, { text }], other] = await Promise.all([
    peakWhile(pushed),
    client(sample.folder, ['clone', '-q', url(), path.join(sample.folder, 'other')]),
  ]);
  expect(text).toMatch(/The push needs more than 384 MiB of memory/);
  expect(text).toMatch(/ng refs/);
  expect(peak).toBeLessThan(PUSH_LIMITS.memoryBytes);
  expect(other).toMatchObject({ code: 0 });
  expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBeUndefined();
});

test('a number of objects beyond the bound is refused before git reads any', async () => {
  const { commit, pack } = unfoldingPack(1);
  pack.writeUInt32BE(MAX_PUSH_OBJECTS + 1, 8);
  const { text } = await post(pushOf(commit, pack));
  expect(text).toContain(`The push has ${MAX_PUSH_OBJECTS + 1} objects`);
});

test('what a sandbox sends in all is bounded by its disk, also what it takes back; others push', async () => {
  const narrow = await serveHub(sample.hubFolder, grants, {}, 3_000_000);
  const hub = `${narrow.url}/git/${WORKSPACE}/source.git`;
  const push = (sandbox: string) => {
    shell(clone, 'head -c 2000000 /dev/urandom > big; git add big; git commit -q --amend -m big');
    return client(clone, [
      '-c',
      `http.extraHeader=X-Sandbox: ${sandbox}`,
      'push',
      '-qf',
      hub,
      `HEAD:${TASK}`,
    ]);
  };
  expect(await push('sb_greedy')).toMatchObject({ code: 0 });
  const second = await push('sb_greedy');
  expect(second.code).not.toBe(0);
  expect(second.said).toMatch(/The push exceeds this sandbox's remaining quota/);
  expect((await push('sb_greedy')).said).toMatch(/The push exceeds this sandbox's quota/);
  expect(await push('sb_modest')).toMatchObject({ code: 0 });
  await narrow.end();
});

test('nothing is taken from what the disk of the hub keeps free', async () => {
  const full = await serveHub(sample.hubFolder, grants, { reserveBytes: 2 ** 60, maxReserveShare: 1 });
  const { said } = await client(clone, [
    'push',
    `${full.url}/git/${WORKSPACE}/source.git`,
    `+HEAD~1:${TASK}`,
  ]);
  expect(said).toContain('The disk of the repositories is full');
  await full.end();
});

test('pushes of one sandbox share their processor time; beyond it only they are refused, with the time to wait', async () => {
  const { commit, pack } = unfoldingPack(8);
  const narrow = await serveHub(sample.hubFolder, grants, { pushSeconds: 0.1, refillMs: 600_000 });
  const hub = `${narrow.url}/git/${WORKSPACE}/source.git`;
  await post(pushOf(commit, pack), narrow);
  // What the hub has is not pushed again.
  shell(clone, 'git commit -q --amend -m new');
  const push = (sandbox: string) =>
    client(clone, ['-c', `http.extraHeader=X-Sandbox: ${sandbox}`, 'push', '-qf', hub, `HEAD:${TASK}`]);
  const refused = await push('sb_1');
  expect(refused.code).not.toBe(0);
  expect(refused.said).toMatch(/pushes of this sandbox used their 0.1 s of CPU time; try again in \d+ min/);
  expect(await client(sample.folder, ['ls-remote', hub])).toMatchObject({ code: 0 });
  expect(await push('sb_modest')).toMatchObject({ code: 0 });
  await narrow.end();
});

test('fetches share theirs', async () => {
  const narrow = await serveHub(sample.hubFolder, grants, { fetchSeconds: 1e-9, refillMs: 1e12 });
  const hub = `${narrow.url}/git/${WORKSPACE}/source.git`;
  await client(sample.folder, ['ls-remote', hub]);
  expect((await client(sample.folder, ['ls-remote', hub])).said).toMatch(/CPU time for git fetch|503/);
  expect(await client(clone, ['push', '-qf', hub, `HEAD:${TASK}`])).toMatchObject({ code: 0 });
  await narrow.end();
});

test('refs that a sandbox makes below its prefix are bounded: every git of the repository goes over all of them', async () => {
  const prefix = 'refs/berth/turns/at_1/';
  const many = await serveHub(sample.hubFolder, { [TOKEN]: { workspaceId: WORKSPACE, writeRefs: [prefix] } });
  const hub = `${many.url}/git/${WORKSPACE}/source.git`;
  const push = (from: number) =>
    client(clone, ['push', '-q', hub, ...Array.from({ length: 150 }, (_, n) => `HEAD:${prefix}${from + n}`)]);
  expect(await push(0)).toMatchObject({ code: 0 });
  expect((await push(150)).said).toMatch(/limit of 200 refs that a sandbox may create under one prefix/);
  expect(Object.keys(await sample.hub.listRefs(WORKSPACE, 'source', prefix))).toHaveLength(150);
  await many.end();
});
