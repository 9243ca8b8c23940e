import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Hub } from '@berth/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHub } from '../../src/git/hub/hub.ts';
import { parseSource } from '../../src/git/hub/source.ts';
import { exists } from '../../src/system/if-missing.ts';
import { createSample, hostGit, run, sealed, shell, WORKSPACE } from './sample.ts';

let sample: Awaited<ReturnType<typeof createSample>>;
beforeEach(async () => {
  sample = await createSample();
});
afterEach(() => sample.end());

const imported = () => sample.hub.importRepository(WORKSPACE, { source: sample.source });

describe('importing', () => {
  test('copies what is committed and nothing else, under the default branch', async () => {
    shell(sample.source, 'echo dirty >> a.txt; echo new > b.txt; git tag v1; git branch other');
    const repository = await imported();
    const hubPath = expect.stringMatching(/\/source\.git$/);
    expect(repository).toEqual({ name: 'source', source: sample.source, branch: 'main', hubPath });
    const refs = await sample.hub.listRefs(WORKSPACE, 'source', 'refs/');
    expect(Object.keys(refs).sort()).toEqual(['refs/heads/main', 'refs/heads/other', 'refs/tags/v1']);
    const head = refs['refs/heads/main'] ?? '';
    const file = { commit: head, path: 'a.txt', maxBytes: 100 };
    expect(await sample.hub.readFile(WORKSPACE, 'source', file)).toBe('one\n');
    expect(Object.keys(await sample.hub.files(WORKSPACE, 'source', head))).toEqual(['a.txt']);
    expect(await sample.hub.readFile(WORKSPACE, 'source', { ...file, maxBytes: 3 })).toBeUndefined();
  });

  test('tells a file that may be executed from one that may not', async () => {
    shell(sample.source, 'cp a.txt b.sh; chmod +x b.sh; git add b.sh; git commit -qm more');
    const { branch } = await imported();
    const commit = (await sample.hub.resolve(WORKSPACE, 'source', `refs/heads/${branch}`)) ?? '';
    const files = await sample.hub.files(WORKSPACE, 'source', commit);
    expect(files['b.sh']).toBe(`run ${files['a.txt']}`);
  });

  test('names the commit of a submodule, and composes a commit with that of another', async () => {
    const [was, is] = ['1'.repeat(40), '2'.repeat(40)];
    const link = (id: string) =>
      `git update-index --add --cacheinfo 160000,${id},ci/shared; git commit -qm ${id}; git rev-parse HEAD`;
    const target = shell(sample.source, link(was)).trim();
    const commit = shell(sample.source, link(is)).trim();
    await imported();
    const at = async (id: string) => (await sample.hub.files(WORKSPACE, 'source', id))['ci/shared'];
    expect([await at(target), await at(commit)]).toEqual([`module ${was}`, `module ${is}`]);
    const made = await sample.hub.compose(WORKSPACE, 'source', {
      ...{ commit, from: target, paths: ['ci/shared'], texts: {} },
      ...{ message: 'judge', at: 0, keepAt: 'refs/berth/judge/x' },
    });
    expect(await at(made)).toBe(`module ${was}`);
  });

  test('shares no file with the source, so that its owner cannot change the copy', async () => {
    await imported();
    const links = shell(sample.at(), 'find objects -type f -links +1');
    expect(links).toBe('');
  });

  test('is safe to repeat, moves forward, and removes what an interrupted import left', async () => {
    await mkdir(path.join(sample.hubFolder, WORKSPACE, '.importing-source-dead'), { recursive: true });
    await imported();
    shell(sample.source, 'echo two >> a.txt; git commit -qam second');
    await imported();
    expect(await readdir(path.join(sample.hubFolder, WORKSPACE))).toEqual(['.unrecorded', 'source.git']);
    const tip = run(sample.source, ['rev-parse', 'HEAD']);
    expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main')).toBe(tip);
  });

  test('two at once make one repository', async () => {
    expect(await Promise.all([imported(), imported()])).toHaveLength(2);
    expect(await readdir(path.join(sample.hubFolder, WORKSPACE))).toEqual(['.unrecorded', 'source.git']);
  });

  test('says what is wrong with a source and leaves nothing', async () => {
    const fails = (spec: { source: string; branch?: string }) =>
      expect(sample.hub.importRepository(WORKSPACE, spec)).rejects;
    await fails({ source: sample.source, branch: 'nope' }).toMatchObject({ code: 'branch.missing' });
    await fails({ source: `${sample.folder}/none` }).toMatchObject({ code: 'repository.bad_source' });
    await fails({ source: `file://${sample.folder}/none` }).toMatchObject({ code: 'repository.unreachable' });
    await mkdir(path.join(sample.source, 'sub'));
    await fails({ source: `${sample.source}/sub` }).toMatchObject({ code: 'repository.bad_source' });
    shell(sample.folder, 'git init -q --object-format=sha256 -b main other');
    shell(`${sample.folder}/other`, 'git -c user.name=A -c user.email=a@b.c commit -qm one --allow-empty');
    await fails({ source: `${sample.folder}/other` }).toMatchObject({
      code: 'repository.bad_source',
      message: expect.stringContaining('SHA-256'),
    });
    shell(sample.folder, 'git init -q empty');
    await fails({ source: `${sample.folder}/empty` }).toMatchObject({ code: 'repository.bad_source' });
    expect(await readdir(sample.hubFolder).catch(() => [])).toEqual([]);
  });

  test('a checkout without a branch is read by the only one there is, or asks for a name', async () => {
    shell(sample.source, 'git branch -m trunk; git checkout -q --detach');
    expect(await imported()).toMatchObject({ branch: 'trunk' });
    shell(sample.source, 'git branch other');
    const spec = { source: sample.source, name: 'again' };
    await expect(sample.hub.importRepository(WORKSPACE, spec)).rejects.toMatchObject({
      code: 'repository.bad_source',
      message: expect.stringContaining('(other, trunk)'),
    });
  });

  test('a branch named task leaves room for the branches of tasks', async () => {
    shell(sample.source, 'git branch task; git branch -m main develop');
    await imported();
    const tip = await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/develop');
    expect(await sample.hub.swap(WORKSPACE, 'source', 'refs/heads/task/tk_1', undefined, tip)).toBe(true);
    const target = { source: sample.source, name: 'other', branch: 'task' };
    await expect(sample.hub.importRepository(WORKSPACE, target)).rejects.toMatchObject({
      code: 'repository.bad_source',
      message: expect.stringContaining('git branch -m task'),
    });
  });

  test('a name that another source has is refused', async () => {
    await imported();
    shell(sample.folder, 'mkdir twin; git clone -q source twin/source');
    const twin = sample.hub.importRepository(WORKSPACE, { source: `${sample.folder}/twin/source` });
    await expect(twin).rejects.toMatchObject({ code: 'record.exists' });
  });

  test.each([
    'https://user:secret@example.com/a.git',
    'https://token@example.com/a.git',
    'ssh://git:secret@example.com/a',
    'ada:secret@example.com:a.git',
    'ext::sh -c id',
    'http://example.com/a.git',
    'ftp://example.com/a',
    '--upload-pack=id',
    '-oProxyCommand=id:x',
    'ssh://-oProxyCommand=id/x',
    'relative/path',
    'https://example.com/a.git\nhost=evil',
    'file://remote/a',
    'https://example.com/a?token=1',
  ])('refuses %j', (source) => {
    expect(() => parseSource(source)).toThrow(expect.objectContaining({ code: 'repository.bad_source' }));
    try {
      parseSource(source);
    } catch (thrown) {
      expect(String(thrown)).not.toContain('secret');
    }
  });

  test.each([
    ['https://example.com/team/app.git', 'app'],
    ['git@example.com:team/app.git', 'app'],
    ['ssh://git@example.com:2222/app', 'app'],
    ['/home/ada/my app/', 'my-app'],
    ['/repo/.git', 'repo'],
  ])('accepts %s', (source, name) => {
    expect(parseSource(source).name).toBe(name);
  });
});

describe('refs', () => {
  test('of many swaps from one value, one wins', async () => {
    await imported();
    const main = await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main');
    const trees = Array.from({ length: 8 }, (_, index) =>
      run(sample.at(), ['commit-tree', `${main}^{tree}`, '-m', `candidate ${index}`]),
    );
    const ref = 'refs/heads/target';
    expect(await sample.hub.swap(WORKSPACE, 'source', ref, undefined, main)).toBe(true);
    const won = await Promise.all(trees.map((to) => sample.hub.swap(WORKSPACE, 'source', ref, main, to)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await sample.hub.resolve(WORKSPACE, 'source', ref)).toBe(trees[won.indexOf(true)]);
    expect(await sample.hub.swap(WORKSPACE, 'source', ref, undefined, main)).toBe(false);
    expect(await sample.hub.swap(WORKSPACE, 'source', ref, trees[won.indexOf(true)], undefined)).toBe(true);
    expect(await sample.hub.resolve(WORKSPACE, 'source', ref)).toBeUndefined();
  });

  test('names that git could misread are refused before git sees them', async () => {
    await imported();
    for (const ref of [
      'main',
      '--help',
      'refs/heads/-x',
      'refs/heads/a..b',
      'refs/heads/a b',
      'refs/heads/x^{}',
    ])
      await expect(sample.hub.resolve(WORKSPACE, 'source', ref), ref).rejects.toThrow('not a full ref');
    await expect(sample.hub.resolve(WORKSPACE, '../x', 'refs/heads/main')).rejects.toMatchObject({
      code: 'record.missing',
    });
    await expect(sample.hub.resolve('../../src', 'source', 'refs/heads/main')).rejects.toMatchObject({
      code: 'record.missing',
    });
  });

  test('a listing takes its prefix to the letter', async () => {
    await imported();
    const main = await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main');
    const names = ['task/tk_1', 'task/tk_1_v2', 'task/tk_2'].map((name) => `refs/heads/${name}`);
    for (const ref of names) await sample.hub.swap(WORKSPACE, 'source', ref, undefined, main);
    const listed = await sample.hub.listRefs(WORKSPACE, 'source', 'refs/heads/task/tk_1');
    expect(Object.keys(listed)).toEqual(names.slice(0, 2));
    expect(await sample.hub.listRefs(WORKSPACE, 'source', 'refs/berth/')).toEqual({});
  });

  test('refresh says why the copy may be behind: rewritten, gone another way, garbled, gone', async () => {
    const repository = await imported();
    const refresh = () => sample.hub.refresh(WORKSPACE, repository);
    const target = () => sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main');
    const first = (await target()) ?? '';
    expect(await refresh()).toBeUndefined();
    // As a landing moves it.
    shell(
      sample.source,
      'git checkout -qb work; echo w > w; git add w; git commit -qm w; git checkout -q main',
    );
    const head = run(sample.source, ['rev-parse', 'work']);
    run(sample.source, ['push', '-q', sample.at(), 'work:refs/heads/task/x']);
    const merge = { base: first, head, message: 'm', at: 0, keepAt: 'refs/heads/task/y' };
    const landed = await sample.hub.merge(WORKSPACE, 'source', merge);
    if (landed.kind !== 'merged') throw new Error(landed.kind);
    await sample.hub.swap(WORKSPACE, 'source', 'refs/heads/main', first, landed.commit);
    expect(await refresh()).toBeUndefined();
    const asked = Date.now();
    shell(sample.source, 'echo n > n; git add n; git commit -qm beside');
    expect(await refresh()).toMatchObject({ reason: expect.stringMatching(/^main has commits there/) });
    shell(sample.source, 'git reset -q --hard HEAD~; git commit -q --amend -m other');
    const rewritten = await refresh();
    expect(rewritten?.reason).toMatch(/^main was rewritten there/);
    expect(rewritten?.currentAt).toBeLessThanOrEqual(asked + 1);
    expect(rewritten?.currentAt).toBeGreaterThan(asked - 60_000);
    shell(sample.source, 'echo garbage > .git/HEAD');
    expect((await refresh())?.reason).toMatch(/not the top level of a git repository/);
    shell(sample.folder, 'mv source elsewhere');
    expect((await refresh())?.reason).toMatch(/not the top level of a git repository/);
    expect(await target()).toBe(landed.commit);
  });

  test('what a crash or a removal left is seen as half-made', async () => {
    await imported();
    const half = (isHalfMade: boolean) => [{ id: WORKSPACE, changedAt: expect.any(Number), isHalfMade }];
    expect(await sample.hub.listWorkspaces()).toEqual(half(false));
    const next = () => createHub({ folder: sample.hubFolder, git: sample.git });
    expect(await next().listWorkspaces()).toEqual(half(true));
    await sample.hub.recorded(WORKSPACE);
    expect(await next().listWorkspaces()).toEqual(half(false));
    await sample.hub.removeWorkspace(WORKSPACE);
    await sample.hub.removeWorkspace(WORKSPACE);
    expect(await readdir(sample.hubFolder)).toEqual([]);
    // As a removal leaves it that was killed in the middle.
    await mkdir(path.join(sample.hubFolder, `.removing-${WORKSPACE}-abc`, 'x.git'), { recursive: true });
    await mkdir(path.join(sample.hubFolder, 'something else'));
    expect(await sample.hub.listWorkspaces()).toEqual(half(true));
    await sample.hub.removeWorkspace(WORKSPACE);
    expect(await readdir(sample.hubFolder)).toEqual(['something else']);
  });
});

describe('merging', () => {
  /** Two branches from the first commit, each made by shell lines. */
  const branches = async (ours: string, theirs: string, before = '') => {
    if (before !== '') shell(sample.source, `${before}\ngit add -A; git commit -qm before`);
    shell(sample.source, `git checkout -qb theirs; ${theirs}\ngit add -A; git commit -qm theirs`);
    shell(sample.source, `git checkout -q main; ${ours}\ngit add -A; git commit -qm ours`);
    await imported();
    const [base, head] = run(sample.source, ['rev-parse', 'main', 'theirs']).split('\n');
    return merge(base ?? '', head ?? '');
  };
  const merge = (base: string, head: string) =>
    sample.hub.merge(WORKSPACE, 'source', {
      base,
      head,
      message: 'Land it',
      at: 1_700_000_000_000,
      keepAt: 'refs/berth/merges/ch_1',
    });

  test('the same arguments make the same commit, signed by the server and kept', async () => {
    const first = await branches('echo 1 > ours', 'echo 2 > theirs');
    const [base = '', head = ''] = run(sample.source, ['rev-parse', 'main', 'theirs']).split('\n');
    const second = await merge(base, head);
    expect(second).toEqual(first);
    expect(first.kind).toBe('merged');
    const commit = first.kind === 'merged' ? first.commit : '';
    expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/berth/merges/ch_1')).toBe(commit);
    const shown = run(sample.at(), ['show', '-s', '--format=%an <%ae> %cn %ct %P %s', commit]);
    expect(shown).toBe(`Berth <berth@localhost> Berth 1700000000 ${base} ${head} Land it`);
    expect(Object.keys(await sample.hub.files(WORKSPACE, 'source', commit))).toEqual([
      'a.txt',
      'ours',
      'theirs',
    ]);
    expect(await sample.hub.contains(WORKSPACE, 'source', commit, head)).toBe(true);
    const trees = [commit, base, head].map((one) => sample.hub.tree(WORKSPACE, 'source', one));
    expect(new Set(await Promise.all(trees)).size).toBe(3);
    expect(await sample.hub.contains(WORKSPACE, 'source', head, commit)).toBe(false);
    expect(await sample.hub.diff(WORKSPACE, 'source', base, commit)).toContain(
      '+++ b/theirs\n@@ -0,0 +1 @@\n+2\n',
    );
    expect(await merge(commit, head)).toEqual({ kind: 'nothing' });
  });

  test('a conflict names its paths, the old name of a renamed and deleted file too', async () => {
    const conflict = await branches(
      'git rm -q long; echo ours > "with space"',
      'git mv long renamed; echo theirs > "with space"; echo fine > fine',
      'seq 40 > long; echo 0 > "with space"',
    );
    expect(conflict).toEqual({ kind: 'conflict', paths: ['long', 'renamed', 'with space'] });
    expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/berth/merges/ch_1')).toBeUndefined();
  });

  test('the same change on both sides brings nothing', async () => {
    expect(await branches('echo same > s', 'echo same > s')).toEqual({ kind: 'nothing' });
  });

  test('unrelated histories are compared file by file', async () => {
    shell(
      sample.source,
      'git checkout -q --orphan theirs; echo other > a.txt; git add -A; git commit -qm root; git checkout -qf main',
    );
    await imported();
    const [base = '', head = ''] = run(sample.source, ['rev-parse', 'main', 'theirs']).split('\n');
    expect(await merge(base, head)).toEqual({ kind: 'conflict', paths: ['a.txt'] });
  });

  test('a cancel ends every act in the middle, with its git', async () => {
    await branches('echo 1 > o', 'echo 2 > t');
    const [base = '', head = ''] = run(sample.source, ['rev-parse', 'main', 'theirs']).split('\n');
    const bin = path.join(sample.folder, 'bin');
    await mkdir(bin);
    const hang = `touch ${bin}/begun; exec sleep 600`;
    const slow = (what: string) =>
      `#!/bin/sh\ncase "$*" in ${what}) ${hang} ;; *) PATH=${sealed.PATH}; exec git "$@" ;; esac\n`;
    const { run: git } = hostGit({ ...sealed, PATH: `${bin}:${sealed.PATH}` });
    const hub = createHub({ folder: sample.hubFolder, git });
    const isCancelled = async (what: string, act: (one: Hub) => Promise<unknown>): Promise<void> => {
      await writeFile(path.join(bin, 'git'), slow(what), { mode: 0o755 });
      await rm(path.join(bin, 'begun'), { force: true });
      const cancel = new AbortController();
      const acting = act(hub.until(new AbortController().signal).until(cancel.signal));
      const cancelled = expect(acting, String(act)).rejects.toMatchObject({ code: 'work.cancelled' });
      await expect.poll(() => exists(path.join(bin, 'begun')), { timeout: 10_000, interval: 10 }).toBe(true);
      cancel.abort();
      await cancelled;
    };
    const kept = { message: 'm', at: 0, keepAt: 'refs/berth/kept' };
    await isCancelled('*merge-tree*', (one) => one.merge(WORKSPACE, 'source', { base, head, ...kept }));
    expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/berth/kept')).toBeUndefined();
    const acts: readonly ((one: Hub) => Promise<unknown>)[] = [
      (one) => one.compose(WORKSPACE, 'source', { commit: base, from: head, paths: [], texts: {}, ...kept }),
      (one) => one.resolve(WORKSPACE, 'source', 'refs/heads/main'),
      (one) => one.swap(WORKSPACE, 'source', 'refs/heads/main', base, head),
      (one) => one.listRefs(WORKSPACE, 'source', 'refs/heads/'),
      (one) => one.diff(WORKSPACE, 'source', base, head),
      (one) => one.files(WORKSPACE, 'source', base),
      (one) => one.readFile(WORKSPACE, 'source', { commit: base, path: 'a.txt', maxBytes: 100 }),
      (one) => one.contains(WORKSPACE, 'source', base, head),
      (one) => one.maintain(WORKSPACE, 'source', true),
    ];
    for (const act of acts) await isCancelled('*', act);
    expect(await sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main')).toBe(base);
  });

  test('a criss-cross history merges', async () => {
    shell(
      sample.source,
      `seq 30 > f; git add f; git commit -qm f
      git checkout -qb theirs; sed -i 's/^2$/two/' f; git commit -qam t1
      git checkout -q main; sed -i 's/^29$/last/' f; git commit -qam o1
      O=$(git rev-parse main); T=$(git rev-parse theirs)
      git merge -q -m m1 $T; git checkout -q theirs; git merge -q -m m2 $O
      sed -i 's/^10$/ten/' f; git commit -qam t2; git checkout -q main; sed -i 's/^20$/xx/' f; git commit -qam o2`,
    );
    await imported();
    const [base = '', head = ''] = run(sample.source, ['rev-parse', 'main', 'theirs']).split('\n');
    const merged = await merge(base, head);
    expect(merged.kind).toBe('merged');
    const commit = merged.kind === 'merged' ? merged.commit : '';
    const text = await sample.hub.readFile(WORKSPACE, 'source', { commit, path: 'f', maxBytes: 1000 });
    expect(text).toMatch(/^1\ntwo\n3\n[\d\D]*\nten\n[\d\D]*\nxx\n[\d\D]*\nlast\n30\n$/);
  });

  test('a tree that unfolds to billions of paths is not merged', async () => {
    shell(
      sample.source,
      `tree=$(git rev-parse 'main^{tree}')
      for level in 1 2 3 4 5 6 7 8 9; do
        tree=$(for n in 0 1 2 3 4 5 6 7 8 9; do printf "040000 tree $tree\\td$n\\n"; done | git mktree)
      done
      git update-ref refs/heads/bomb $(git commit-tree -p main -m bomb $tree)
      echo more >> a.txt; git commit -qam more`,
    );
    await imported();
    const [base = '', head = ''] = run(sample.source, ['rev-parse', 'main', 'bomb']).split('\n');
    await expect(merge(base, head)).rejects.toMatchObject({
      code: 'git.failed',
      message: expect.stringContaining('ls-tree'),
    });
  }, 60_000);

  test('a diff may say in which folder its paths are', async () => {
    shell(sample.source, 'echo b > b.txt; git add .; git commit -qm b');
    await imported();
    const [from = '', to = ''] = run(sample.source, ['rev-parse', 'main~1', 'main']).split('\n');
    const lines = (await sample.hub.diff(WORKSPACE, 'source', from, to, 'app')).split('\n');
    expect(lines).toContain('diff --git a/app/b.txt b/app/b.txt');
    expect(lines).toContain('+++ b/app/b.txt');
  });

  test('a diff beyond the cap ends with a notice', async () => {
    shell(
      sample.source,
      'yes "a line of some length" | head -c 6000000 > big; git add big; git commit -qm big',
    );
    await imported();
    const [from = '', to = ''] = run(sample.source, ['rev-parse', 'main~1', 'main']).split('\n');
    const diff = await sample.hub.diff(WORKSPACE, 'source', from, to);
    expect(diff.length).toBeLessThan(4.1 * 2 ** 20);
    expect(diff).toMatch(/was truncated here\]\n$/);
  });

  test('a file beyond 32 MiB passes without being looked into', async () => {
    shell(sample.source, 'yes "a line" | head -c 34000000 > huge; git add huge; git commit -qm huge');
    await imported();
    const [from = '', to = ''] = run(sample.source, ['rev-parse', 'main~1', 'main']).split('\n');
    expect(await sample.hub.diff(WORKSPACE, 'source', from, to)).toMatch(
      /^Binary files .* and b\/huge differ$/m,
    );
  });

  test('what a repository configures to run does not run on the host', async () => {
    await imported();
    const canary = path.join(sample.folder, 'canary');
    shell(
      sample.source,
      `echo '*.txt diff=evil merge=evil filter=evil' > .gitattributes
      git config core.hooksPath hooks; mkdir hooks; printf '#!/bin/sh\\ntouch ${canary}\\n' > hooks/reference-transaction
      chmod +x hooks/*; git config core.fsmonitor "touch ${canary}"; rm -f .git/hooks/*
      git -c core.hooksPath=/dev/null -c core.fsmonitor=false add -A
      git -c core.hooksPath=/dev/null -c core.fsmonitor=false commit -qm evil; rm -f ${canary}`,
    );
    await imported();
    const [from = '', to = ''] = run(sample.source, [
      '-c',
      'core.hooksPath=/dev/null',
      'rev-parse',
      'main~1',
      'main',
    ]).split('\n');
    await sample.hub.diff(WORKSPACE, 'source', from, to);
    expect(shell(sample.folder, 'ls')).not.toContain('canary');
  });
});

describe('a copy that is damaged', () => {
  test.each(['HEAD', 'refs', 'objects', '..'])('is told as such: %s is gone', async (part) => {
    await imported();
    await rm(path.join(sample.at(), part), { recursive: true });
    await expect(sample.hub.resolve(WORKSPACE, 'source', 'refs/heads/main')).rejects.toMatchObject({
      code: 'repository.copy_damaged',
      message: expect.stringContaining(sample.at()),
    });
  });

  test('and a name that nobody imported is none', async () => {
    await imported();
    await expect(sample.hub.resolve(WORKSPACE, 'other', 'refs/heads/main')).rejects.toMatchObject({
      code: 'record.missing',
    });
  });
});
