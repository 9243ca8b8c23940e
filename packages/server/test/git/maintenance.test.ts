import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSample, run, sealed, serveHub, shell, WORKSPACE } from './sample.ts';

let sample: Awaited<ReturnType<typeof createSample>>;
beforeEach(async () => {
  sample = await createSample();
  await sample.hub.importRepository(WORKSPACE, { source: sample.source });
});
afterEach(() => sample.end());

const maintain = (isQuiet = true) => sample.hub.maintain(WORKSPACE, 'source', isQuiet);

/** So many objects that no ref names, other ones each time. */
const litter = (count: number): string[] => {
  littered += count;
  const folder = `${sample.folder}/litter-${littered}`;
  return shell(
    sample.at(),
    `mkdir ${folder}; for i in $(seq ${count}); do echo ${littered} $i > ${folder}/$i; done
    ls ${folder}/* | git hash-object -w --stdin-paths`,
  ).split('\n');
};
let littered = 0;

const counts = (): Record<string, number> =>
  Object.fromEntries(
    run(sample.at(), ['count-objects', '-v'])
      .split('\n')
      .map((line) => line.split(': '))
      .map(([name, value]) => [name, Number(value)]),
  );

const isThere = (object: string): boolean =>
  shell(sample.at(), `git cat-file -e ${object} 2>/dev/null && echo yes || echo no`) === 'yes';

test('little is left alone, much is packed, and beside work only what is very much', async () => {
  litter(40);
  expect(await maintain()).toBe(false);
  litter(60);
  expect(await maintain(false)).toBe(false);
  expect(await maintain()).toBe(true);
  expect(counts()).toMatchObject({ count: 0 });
  expect(await maintain()).toBe(false);
  litter(300);
  expect(await maintain(false)).toBe(true);
});

test('what no ref names goes when it is a day old, and not before', async () => {
  const [old = '', ...young] = litter(60);
  const file = `objects/${old.slice(0, 2)}/${old.slice(2)}`;
  shell(sample.at(), `touch -d '2 days ago' ${file}`);
  const tip = await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main');
  expect(await maintain()).toBe(true);
  expect(isThere(old)).toBe(false);
  expect(young.every(isThere)).toBe(true);
  expect(isThere(tip ?? '')).toBe(true);
  expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main')).toBe(tip);
});

test('one large object that no ref names is reason enough, and then no more', async () => {
  const write = 'head -c 2000000 /dev/urandom | git hash-object -w --stdin';
  const [large = ''] = shell(sample.at(), write).split('\n');
  shell(sample.at(), `touch -d '2 days ago' objects/${large.slice(0, 2)}/${large.slice(2)}`);
  expect(await maintain()).toBe(true);
  expect(isThere(large)).toBe(false);
  shell(sample.at(), write);
  expect(await maintain()).toBe(true);
  expect(await maintain()).toBe(false);
});

test('nothing is lost of merges, moves and pushes that happen meanwhile', async () => {
  const ref = (kind: string, at: number) => `refs/berth/${kind}/ch_${at}`;
  const served = await serveHub(sample.hubFolder, {
    token: { workspaceId: WORKSPACE, writeRefs: ['refs/berth/pushed/'] },
  });
  shell(
    sample.source,
    'for i in 1 2 3 4 5 6 7 8; do git checkout -qb b$i main; echo $i > f$i; git add .; git commit -qm $i; done',
  );
  const push = (refspec: string) =>
    execa(
      'git',
      [
        '-c',
        'http.extraHeader=Authorization: Bearer token',
        'push',
        '-q',
        `${served.url}/git/${WORKSPACE}/source.git`,
        refspec,
      ],
      { cwd: sample.source, env: sealed, extendEnv: false },
    );
  let isOver = false;
  const collecting = (async () => {
    let rounds = 0;
    for (; !isOver; rounds += 1) {
      litter(60);
      await maintain();
    }
    return rounds;
  })();
  const works = [1, 2, 3, 4, 5, 6, 7, 8].map(async (at) => {
    const head = run(sample.source, ['rev-parse', `b${at}`]);
    await push(`${head}:${ref('pushed', at)}`);
    const base = (await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main')) ?? '';
    const merged = await sample.hub.merge(WORKSPACE, 'source', {
      ...{ base, head, message: `${at}`, at: 1_700_000_000_000 + at, keepAt: ref('changes', at) },
    });
    const commit = merged.kind === 'merged' ? merged.commit : undefined;
    expect(await sample.hub.swap(WORKSPACE, 'source', ref('revert', at), undefined, commit)).toBe(true);
    return commit;
  });
  const commits = await Promise.all(works);
  isOver = true;
  expect(await collecting).toBeGreaterThan(0);
  await served.end();
  for (const [index, commit] of commits.entries())
    expect(await sample.hub.resolve(WORKSPACE, 'source', ref('changes', index + 1))).toBe(commit);
  expect(run(sample.at(), ['fsck', '--connectivity-only', '--no-dangling'])).toBe('');
});
