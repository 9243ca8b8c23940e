/** Commits that no git would make, in the hub: what the server does with them is bounded, and fails with what to do. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FLUSH, pktLine } from '../../src/gateway/git/pkt-line.ts';
import { createObjects, type Entry, takePack } from './packed-objects.ts';
import { createSample, gitWithToken, run, serveHub, WORKSPACE } from './sample.ts';

const TOKEN = 'berth_token_of_the_sandbox';
const TASK = 'refs/heads/task/tk_1';
const ABSENT = '0'.repeat(40);

let sample: Awaited<ReturnType<typeof createSample>>;
let server: Awaited<ReturnType<typeof serveHub>>;
beforeAll(async () => {
  sample = await createSample();
  await sample.hub.importRepository(WORKSPACE, { source: sample.source });
  server = await serveHub(sample.hubFolder, { [TOKEN]: { workspaceId: WORKSPACE, writeRefs: [TASK] } });
});
afterAll(async () => {
  await server.end();
  await sample.end();
});

const url = () => `${server.url}/git/${WORKSPACE}/source.git`;

const push = async (commit: string, pack: Buffer, from = ABSENT): Promise<string> => {
  const head = pktLine(`${from} ${commit} ${TASK}\0report-status side-band-64k`);
  const answer = await fetch(`${url()}/git-receive-pack`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: new Uint8Array(Buffer.concat([head, FLUSH, pack])),
  });
  return answer.text();
};

const numbered = (count: number, id: string): Entry[] =>
  Array.from({ length: count }, (_, n) => ({ name: `f${String(n).padStart(7, '0')}`, id }));

const merge = (base: string, head: string) =>
  sample.hub.merge(WORKSPACE, 'source', { base, head, message: 'm', at: 0, keepAt: 'refs/berth/kept' });

const servesOn = async (): Promise<void> => {
  expect(await gitWithToken(TOKEN, sample.folder, ['ls-remote', url()])).toMatchObject({ code: 0 });
};

test('a tree of 5000 levels: its merge fails alone, and says why', async () => {
  const objects = createObjects();
  const deep = (text: string): string => {
    let tree = objects.tree([{ name: 'f', id: objects.blob(text) }]);
    for (let level = 0; level < 5000; level += 1)
      tree = objects.tree([{ name: 'd', id: tree, mode: '40000' }]);
    return tree;
  };
  const [ours, theirs] = [objects.commit(deep('two\n')), objects.commit(deep('three\n'))];
  takePack(sample.at(), objects.pack());
  await expect(merge(ours, theirs)).rejects.toThrow(/out of stack, because of folders nested thousands deep/);
  await servesOn();
});

test('a tree with more names than are kept is refused in words, and a large one keeps nobody else waiting', async () => {
  const objects = createObjects();
  const [one, two] = [objects.blob('one\n'), objects.blob('two\n')];
  const base = objects.commit(objects.tree([{ name: 'f', id: one }]));
  const small = objects.commit(objects.tree([{ name: 'f', id: two }]), [base]);
  const unfolding = (levels: number): string => {
    let tree = objects.tree(numbered(40, one));
    for (let level = 1; level < levels; level += 1)
      tree = objects.tree(numbered(40, tree).map((entry) => ({ ...entry, mode: '40000' })));
    return tree;
  };
  const wide = objects.commit(unfolding(4), [base]);
  const large = objects.commit(unfolding(3), [base]);
  takePack(sample.at(), objects.pack());
  await expect(merge(small, wide)).rejects.toThrow(/too many files .* remove generated or installed files/);
  await expect(sample.hub.files(WORKSPACE, 'source', wide)).rejects.toMatchObject({ code: 'git.failed' });

  let turns = 0;
  let isDone = false;
  const files = sample.hub.files(WORKSPACE, 'source', large).finally(() => {
    isDone = true;
  });
  for (; !isDone; turns += 1) await nextTurn();
  expect(Object.keys(await files)).toHaveLength(64_000);
  expect(turns).toBeGreaterThan(10);
  await servesOn();
});

test('of 5000 conflicts the first are told; a criss-cross of 100 steps merges', async () => {
  const objects = createObjects();
  const [a, b, c] = ['a\n', 'b\n', 'c\n'].map(objects.blob);
  const of = (id = '') => objects.tree(numbered(5000, id));
  const base = objects.commit(of(a));
  const [ours, theirs] = [objects.commit(of(b), [base]), objects.commit(of(c), [base])];
  const step = (n: number, parents: readonly string[]) =>
    objects.commit(objects.tree([{ name: 'a', id: objects.blob(`${n}\n`) }]), parents);
  let [left, right] = [step(1, [step(0, [])]), step(2, [step(0, [])])];
  for (let n = 3; n < 200; n += 2) [left, right] = [step(n, [left, right]), step(n + 1, [right, left])];
  takePack(sample.at(), objects.pack());
  const merged = await merge(ours, theirs);
  expect(merged.kind === 'conflict' && merged.paths.length).toBe(200);
  expect(await merge(left, right)).toEqual({ kind: 'conflict', paths: ['a'] });
  await servesOn();
});

test('names that stand for git’s own folder anywhere, and a linked .gitmodules, are not taken', async () => {
  for (const [name, mode] of [
    ['.git', '40000'],
    ['.GIT', '40000'],
    ['.Git', '100644'],
    ['git~1', '40000'],
    ['.git ', '40000'],
    ['.git::$INDEX_ALLOCATION', '40000'],
    ['.g\u200cit', '40000'],
    ['..', '40000'],
    ['.gitmodules', '120000'],
    ['.GITMODULES', '120000'],
    ['gitmod~1', '120000'],
  ] as const) {
    const objects = createObjects();
    const id = mode === '40000' ? objects.tree([]) : objects.blob('x');
    const commit = objects.commit(objects.tree([{ name, id, mode }]));
    const said = await push(commit, objects.pack());
    expect(said, name).toMatch(/fsck error|invalid|fatal/);
    // It has a reason, and costs have no part in it.
    expect(said, name).not.toContain('The push needs');
    expect(await sample.hub.resolve(WORKSPACE, 'source', TASK), name).toBeUndefined();
  }
});

test('names that collide elsewhere, or look like patterns, options and ids, are the files that they are', async () => {
  const objects = createObjects();
  const names = ['-x', ':(top)a', ':!a', 'A', 'a', '*', 'é', 'e\u0301', 'f'.repeat(40), 'HEAD'];
  const sorted = names.map((name) => Buffer.from(name)).sort(Buffer.compare);
  const entries = sorted.map((name) => ({ name, id: objects.blob(`${name}\n`) }));
  const commit = objects.commit(objects.tree(entries));
  expect(await push(commit, objects.pack())).toContain('unpack ok');
  expect(await sample.hub.resolve(WORKSPACE, 'source', TASK)).toBe(commit);
  const merged = await merge(run(sample.source, ['rev-parse', 'HEAD']), commit);
  if (merged.kind !== 'merged') throw new Error(merged.kind);
  const files = await sample.hub.files(WORKSPACE, 'source', merged.commit);
  expect(Object.keys(files)).toEqual(expect.arrayContaining([...names, 'a.txt']));
  for (const path of names) {
    const file = { commit: merged.commit, path, maxBytes: 1000 };
    expect(await sample.hub.readFile(WORKSPACE, 'source', file), path).toBe(`${path}\n`);
  }
});
