import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCheckouts } from '../../src/git/checkouts/checkouts.ts';
import { createRepositoryCommands } from '../../src/git/checkouts/repository-commands.ts';
import { createLocalSandbox, type LocalSandbox } from './local-sandbox.ts';
import { createSample, run, serveHub, shell, WORKSPACE } from './sample.ts';

const TOKEN = 'berth_secret_token';
const BRANCH = 'task/tk_1';
let sample: Awaited<ReturnType<typeof createSample>>;
let server: Awaited<ReturnType<typeof serveHub>>;
let sandbox: LocalSandbox;
let main: string;
let inside: string;
const newExecId = () => `ex_${randomBytes(10).toString('hex')}`;
const checkouts = () => createCheckouts({ hub: sample.hub, newExecId });
const commands = () => createRepositoryCommands({ hub: sample.hub, newExecId });

beforeEach(async () => {
  sample = await createSample();
  shell(sample.source, 'echo "*.log" > .gitignore; git add .; git commit -qm ignore; git tag v1');
  await sample.hub.importRepository(WORKSPACE, { source: sample.source });
  main = run(sample.source, ['rev-parse', 'main']);
  const writeRefs = [`refs/heads/${BRANCH}`, 'refs/berth/turns/at_1/'];
  server = await serveHub(sample.hubFolder, { [TOKEN]: { workspaceId: WORKSPACE, writeRefs } });
  sandbox = await createLocalSandbox(path.join(sample.folder, 'sandbox'), server.url);
  inside = path.join(sandbox.root, 'source');
});
afterEach(async () => {
  await server.end();
  await sample.end();
});

const clone = (commit = main, branch = BRANCH) =>
  checkouts().clone(sandbox, {
    key: 'k',
    workspaceId: WORKSPACE,
    repositories: [{ name: 'source', commit, branch, from: 'refs/heads/main' }],
    token: TOKEN,
  });
const save = (turn = 1, previous = main) =>
  checkouts().saveTurn(sandbox, {
    key: 'k',
    workspaceId: WORKSPACE,
    repositories: ['source'],
    previous: { source: previous },
    message: `Turn ${turn}`,
    at: 1_700_000_000_000,
    turnRef: `refs/berth/turns/at_1/${turn}`,
    branchRef: `refs/heads/${BRANCH}`,
    token: TOKEN,
  });

describe('a checkout', () => {
  test('is at the commit, on a local branch, and the token is in no file and no argument', async () => {
    await clone();
    expect(run(inside, ['symbolic-ref', 'HEAD'])).toBe(`refs/heads/${BRANCH}`);
    expect(run(inside, ['rev-parse', 'HEAD', 'v1'])).toBe(`${main}\n${main}`);
    expect(run(inside, ['config', 'user.email'])).toBe('agent@berth.localhost');
    await save();
    expect(shell(sandbox.root, `grep -rl ${TOKEN} . || true`)).toBe('');
    expect(sandbox.ran.flat().join(' ')).not.toContain(TOKEN);
  });

  test("is kept when it is complete, and made anew over what is there when git's part is missing or half", async () => {
    await clone();
    shell(inside, 'echo mine > mine.txt');
    await clone();
    expect(await readdir(inside)).toContain('mine.txt');
    for (const broken of ['rm -rf source/.git', 'git -C source symbolic-ref HEAD refs/heads/other']) {
      shell(sandbox.root, `${broken}; mkdir .berth-checkout-old; echo poison > source/a.txt`);
      await clone();
      expect((await readdir(sandbox.root)).sort()).toEqual(['source']);
      expect((await readdir(inside)).sort()).toEqual(['.git', '.gitignore', 'a.txt', 'mine.txt']);
      expect(run(inside, ['status', '--porcelain', '--branch'])).toBe(`## ${BRANCH}`);
    }
  });

  test('moves to another commit; what was left by set-up stays and is not committed', async () => {
    await clone(main, 'setup');
    shell(
      inside,
      'echo built > "out [1].bin"; echo log > x.log; echo changed > a.txt; mkdir -p dep; echo 1 > dep/a',
    );
    shell(sample.source, 'echo two >> a.txt; git commit -qam two');
    await sample.hub.importRepository(WORKSPACE, { source: sample.source });
    const two = run(sample.source, ['rev-parse', 'main']);
    await clone(two);
    expect(run(inside, ['rev-parse', 'HEAD'])).toBe(two);
    expect(await readFile(path.join(inside, 'out [1].bin'), 'utf8')).toBe('built\n');
    expect(await save(1, two)).toEqual({ source: two });
  });

  test('is settled after a set-up: what it changed is taken back, what it left is not committed', async () => {
    await clone();
    shell(inside, 'echo changed > a.txt; mkdir -p dep; echo 1 > dep/a; echo x > left.bin');
    await checkouts().settle(sandbox, { key: 'k', repositories: ['source'] });
    expect(run(inside, ['status', '--porcelain'])).toBe('');
    shell(inside, 'echo more > more.bin');
    await checkouts().settle(sandbox, { key: 'k', repositories: ['source'] });
    expect(await save()).toEqual({ source: main });
    expect(await readFile(path.join(inside, 'dep/a'), 'utf8')).toBe('1\n');
    shell(inside, 'echo work > work.txt');
    const { source = '' } = await save();
    expect(run(inside, ['diff', '--name-only', main, source])).toBe('work.txt');
  });

  test('what lies beside the files of the commit is listed, ignored or not, and removed by name', async () => {
    await clone();
    shell(
      inside,
      'mkdir -p dep/deep ./"-odd name"; echo 1 | tee dep/deep/a x.log new.txt ./"-odd name/b"; echo 2 > a.txt',
    );
    const request = { key: 'k', repositories: ['source'] };
    const { source = [] } = await checkouts().listUntracked(sandbox, request);
    expect(source.toSorted()).toEqual(['-odd name/', 'dep/', 'new.txt', 'x.log']);
    await checkouts().removeUntracked(sandbox, { key: 'k', paths: { source: ['-odd name/', 'x.log'] } });
    expect((await checkouts().listUntracked(sandbox, request)).source).toEqual(['dep/', 'new.txt']);
  });

  test('fetch brings origin up to date and touches nothing else', async () => {
    await clone();
    shell(sample.source, 'echo two >> a.txt; git commit -qam two');
    await sample.hub.importRepository(WORKSPACE, { source: sample.source });
    const request = { key: 'k', workspaceId: WORKSPACE, repositories: ['source'], token: TOKEN };
    await checkouts().fetch(sandbox, request);
    expect(run(inside, ['rev-parse', 'refs/remotes/origin/main'])).toBe(
      run(sample.source, ['rev-parse', 'main']),
    );
    expect(run(inside, ['rev-parse', 'HEAD'])).toBe(main);
  });

  test('fetch moves the branch to what was saved, so that a conflict can be merged by the agent', async () => {
    await clone();
    shell(inside, 'echo mine > a.txt; echo new > new.txt');
    const saved = await save();
    shell(sample.source, 'echo theirs > a.txt; git commit -qam theirs');
    await sample.hub.importRepository(WORKSPACE, { source: sample.source });
    const request = { key: 'k', workspaceId: WORKSPACE, repositories: ['source'], saved, token: TOKEN };
    await checkouts().fetch(sandbox, request);
    expect(run(inside, ['rev-parse', 'HEAD'])).toBe(saved.source);
    expect(run(inside, ['status', '--porcelain'])).toBe('');
    expect(() => run(inside, ['merge', 'origin/main'])).toThrow(/CONFLICT.*a\.txt/);
  });

  test('a wrong token and an unreachable server are failures that say so', async () => {
    const request = { key: 'k', workspaceId: WORKSPACE, repositories: ['source'], token: 'wrong' };
    await clone();
    await expect(checkouts().fetch(sandbox, request)).rejects.toMatchObject({ code: 'git.failed' });
    await server.end();
    await expect(save()).rejects.toMatchObject({ code: 'sandbox.unreachable' });
  });
});

describe('a saved turn', () => {
  test('has everything but ignored files, the same commit each time, and leaves the agent’s index alone', async () => {
    await clone();
    shell(
      inside,
      'echo new > new.txt; echo x > x.log; echo staged > s.txt; git add s.txt; echo more >> a.txt',
    );
    const before = run(inside, ['status', '--porcelain']);
    const saved = await save();
    expect(await save()).toEqual(saved);
    const commit = saved.source ?? '';
    expect(Object.keys(await sample.hub.files(WORKSPACE, 'source', commit))).toEqual([
      '.gitignore',
      'a.txt',
      'new.txt',
      's.txt',
    ]);
    expect(run(inside, ['status', '--porcelain'])).toBe(before);
    expect(run(inside, ['rev-parse', 'HEAD'])).toBe(main);
    for (const ref of ['refs/berth/turns/at_1/1', `refs/heads/${BRANCH}`])
      expect(await sample.hub.resolve(WORKSPACE, 'source', ref)).toBe(commit);
    expect((await readdir(path.join(inside, '.git'))).join(' ')).not.toContain('berth-index');
  });

  test('keeps both the turn before and the agent’s own commits', async () => {
    await clone();
    shell(inside, 'echo 1 > one');
    const first = (await save(1)).source ?? '';
    shell(inside, 'git add -A; git commit -qm own');
    const own = run(inside, ['rev-parse', 'HEAD']);
    const second = (await save(2, first)).source ?? '';
    expect(run(sample.at(), ['show', '-s', '--format=%P', second])).toBe(`${first} ${own}`);
    expect(await save(3, second)).toEqual({ source: second });
  });

  describe('of a merge that the agent resolved but did not commit', () => {
    const merging = async (mine = 'echo mine > a.txt', theirs = 'echo theirs > a.txt') => {
      await clone();
      shell(inside, mine);
      const saved = await save();
      shell(sample.source, `${theirs}; echo also > also.txt; git add -A; git commit -qm theirs`);
      await sample.hub.importRepository(WORKSPACE, { source: sample.source });
      const request = { key: 'k', workspaceId: WORKSPACE, repositories: ['source'], saved, token: TOKEN };
      await checkouts().fetch(sandbox, request);
      expect(() => run(inside, ['merge', 'origin/main'])).toThrow(/CONFLICT/);
      return { mine: saved.source ?? '', theirs: run(sample.source, ['rev-parse', 'main']) };
    };
    const parentsAfter = async (previous: string) => {
      const commit = (await save(2, previous)).source ?? '';
      expect(await save(2, previous)).toEqual({ source: commit });
      return run(sample.at(), ['show', '-s', '--format=%P', commit]);
    };

    test.each([
      ['leaves the index as it is', 'echo both > a.txt'],
      ['tells git of it', 'echo both > a.txt; git add -A'],
      ['takes its own side of the one file', 'echo mine > a.txt'],
    ])('both sides are its parents when it %s', async (_how, resolve) => {
      const { mine, theirs } = await merging();
      shell(inside, resolve);
      expect(await parentsAfter(mine)).toBe(`${mine} ${theirs}`);
      const merge = await sample.hub.resolve(WORKSPACE, 'source', 'refs/berth/turns/at_1/2');
      shell(inside, 'echo more > more.txt');
      expect(run(sample.at(), ['show', '-s', '--format=%P', (await save(3, merge)).source ?? ''])).toBe(
        merge,
      );
    });

    test.each([
      ['markers are left', 'true'],
      ['markers are left that git was told of as resolved', 'git add -A'],
      ['it was given up', 'git checkout --quiet HEAD -- . ; rm -f also.txt; git rm -q --cached also.txt'],
      ['its index cannot be read', 'echo both > a.txt; echo junk > .git/index'],
      ['it names no commit', 'echo both > a.txt; git rev-parse "HEAD^{tree}" > .git/MERGE_HEAD'],
    ])('it is none when %s', async (_why, leave) => {
      const { mine } = await merging();
      shell(inside, leave);
      expect((await parentsAfter(mine)).split(' ')).not.toHaveLength(2);
    });

    test('a file that one side deleted needs a word to git', async () => {
      const { mine, theirs } = await merging('git rm -q a.txt');
      expect((await parentsAfter(mine)).split(' ')).toHaveLength(1);
      shell(inside, 'git add a.txt');
      expect(await parentsAfter(mine)).toBe(`${mine} ${theirs}`);
    });
  });

  test('nothing that the agent planted stops it, runs or sees the token', async () => {
    await clone();
    shell(
      inside,
      `mkdir -p .git/hooks; printf '#!/bin/sh\\nexit 1\\n' > .git/hooks/pre-push; chmod +x .git/hooks/pre-push
      git config core.hooksPath .git/hooks; git config commit.gpgSign true; git config push.gpgSign true; echo w > w
      planted='f() { echo ran >> ${sandbox.root}/ran; env >> ${sandbox.root}/ran; cat; }; f'
      echo '* filter=x' > .gitattributes; mkdir -p .git/info; cp .gitattributes .git/info/attributes
      for name in filter.x.clean filter.x.smudge core.fsmonitor core.sshCommand core.alternateRefsCommand; do git config $name "$planted"; done
      git config credential.helper "!$planted"; git config gpg.program "${sandbox.home}/.local/bin/git"
      git config protocol.ext.allow always; git config url."ext::sh -c env>${sandbox.root}/ran ".insteadOf ${server.url}/
      git config --file ../../home/.gitconfig --add core.fsmonitor "$planted"`,
    );
    const { source = '' } = await save();
    expect(await sample.hub.resolve(WORKSPACE, 'source', `refs/heads/${BRANCH}`)).toBe(source);
    await expect(readFile(path.join(sandbox.root, 'ran'), 'utf8')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a push that the sandbox only says it did is not believed', async () => {
    await clone();
    shell(inside, 'echo w > w');
    const { run: really } = sandbox;
    const lies = (spec: Parameters<typeof really>[0]) =>
      really(spec.argv[1] === 'push' ? { ...spec, argv: ['true'] } : spec);
    sandbox = { ...sandbox, run: lies };
    await expect(save()).rejects.toMatchObject({ code: 'git.failed' });
  });
});

describe('commands', () => {
  test('status, diff, commit and push', async () => {
    await clone();
    shell(inside, 'git mv a.txt "b c.txt"; echo new > new.txt; echo y >> .gitignore');
    const status = await commands().status(sandbox, 'source');
    expect(status).toEqual({
      branch: BRANCH,
      head: main,
      changes: [
        { path: '.gitignore', index: '.', worktree: 'M' },
        { path: 'b c.txt', index: 'R', worktree: '.' },
        { path: 'new.txt', index: '?', worktree: '?' },
      ],
    });
    const diff = await commands().diff(sandbox, 'source');
    expect(diff).toContain('+++ b/new.txt');
    expect(diff).toContain('rename to b c.txt');
    const { commit } = await commands().commit(sandbox, 'source', '--amend is a message');
    const grant = { workspaceId: WORKSPACE, token: TOKEN };
    expect(await commands().push(sandbox, 'source', grant)).toEqual({ ref: `refs/heads/${BRANCH}`, commit });
    await expect(commands().commit(sandbox, 'source', 'again')).rejects.toMatchObject({
      code: 'request.invalid',
    });
    shell(inside, 'git checkout -q -b elsewhere');
    await expect(commands().push(sandbox, 'source', grant)).rejects.toMatchObject({ code: 'push.refused' });
  });

  test('a repository name that is a path is refused', async () => {
    await expect(commands().status(sandbox, '../home')).rejects.toMatchObject({ code: 'record.missing' });
  });
});
