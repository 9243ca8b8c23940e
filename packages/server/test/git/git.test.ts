import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostGit } from './sample.ts';

const git = hostGit().run;

test('half an answer is no answer, unless it may be cut', async () => {
  await expect(git(['version'], { maxOutputBytes: 3 })).rejects.toMatchObject({
    code: 'git.failed',
    message: expect.stringContaining('exceeds 3 bytes'),
  });
  expect(await git(['version'], { maxOutputBytes: 3, cut: true })).toMatchObject({
    stdout: 'git',
    truncated: true,
  });
});

describe('a git that ends by a signal that nobody here sent', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-killed-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** The first git in the path ends as the lines say; each start leaves a line. */
  const endingBy = (lines: string) => {
    writeFileSync(join(folder, 'git'), `#!/bin/sh\necho x >> ${folder}/starts\n${lines}\n`, { mode: 0o755 });
    return hostGit({ PATH: `${folder}:${process.env.PATH}` }).run;
  };
  const starts = (): number => readFileSync(join(folder, 'starts'), 'utf8').length / 2;

  test('is run once again, and told as what it is', async () => {
    const once = endingBy(`[ $(wc -l < ${folder}/starts) -gt 1 ] || kill -s KILL $$`);
    expect(await once(['version'])).toMatchObject({ exitCode: 0 });
    const always = endingBy('kill -s KILL $$');
    await expect(always(['version'])).rejects.toMatchObject({ code: 'git.killed', kind: 'unavailable' });
    await expect(always(['update-ref'])).rejects.toMatchObject({ code: 'git.killed' });
    expect(starts()).toBe(5);
  });

  test('is too costly only by the limit of its time, and told as too deep by the end of its stack', async () => {
    await expect(endingBy('kill -s XCPU $$')(['gc'])).rejects.toMatchObject({ code: 'git.too_costly' });
    await expect(
      endingBy("echo 'error: index-pack died of signal 24' >&2; exit 1")(['gc']),
    ).rejects.toMatchObject({
      code: 'git.too_costly',
    });
    await expect(endingBy('kill -s SEGV $$')(['gc'])).rejects.toThrow(/out of stack/);
  });
});

describe('what a git that was ended in the middle left', () => {
  let gitDir: string;
  beforeEach(async () => {
    gitDir = mkdtempSync(join(tmpdir(), 'berth-locks-'));
    await git(['init', '--quiet', '--bare', '--template=', gitDir]);
  });
  afterEach(() => rmSync(gitDir, { recursive: true }));

  /** Older than anything that runs now. */
  const leave = (name: string): string => {
    const file = join(gitDir, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    utimesSync(file, 1_000_000_000, 1_000_000_000);
    return file;
  };
  const LEFT = [
    'refs/heads/main.lock',
    'packed-refs.lock',
    'packed-refs.new',
    'config.lock',
    'shallow.lock',
    'gc.pid',
    'objects/incoming-aBcDeF/pack/tmp_pack_x',
    'objects/ab/tmp_obj_x',
    'objects/pack/.tmp-12-pack-x.pack',
  ];

  test('is gone before the first command in a repository', async () => {
    const left = LEFT.map(leave);
    const kept = leave('refs/heads/tmp_branch');
    await hostGit().run(['config', 'a.b', 'c'], { gitDir });
    expect(left.filter(existsSync)).toEqual([]);
    expect(existsSync(kept)).toBe(true);
  });

  test('is gone when it is in the way later, and the command goes through', async () => {
    const { run } = hostGit();
    await run(['config', 'a.b', 'c'], { gitDir });
    leave('config.lock');
    await run(['config', 'a.b', 'd'], { gitDir });
    expect((await run(['config', 'a.b'], { gitDir })).stdout).toBe('d\n');
  });

  test('is gone also when the clock was set back since, for nothing works there', async () => {
    const { run } = hostGit();
    const ahead = Date.now() / 1000 + 3600;
    utimesSync(leave('config.lock'), ahead, ahead);
    await run(['config', 'a.b', 'c'], { gitDir });
    utimesSync(leave('config.lock'), ahead, ahead);
    await run(['config', 'a.b', 'd'], { gitDir });
    expect((await run(['config', 'a.b'], { gitDir })).stdout).toBe('d\n');
  });

  test('is left alone while an older git works there: it may be its own', async () => {
    const { run, start } = hostGit();
    const old = await start(['cat-file', '--batch'], {
      gitDir,
      env: { GIT_DIR: gitDir },
      limits: { memoryBytes: 2 ** 30, cpuSeconds: 60 },
    });
    writeFileSync(join(gitDir, 'config.lock'), '');
    await expect(run(['config', 'a.b', 'c'], { gitDir })).rejects.toMatchObject({ code: 'git.failed' });
    old.stdin.end();
    await old.ended;
    utimesSync(join(gitDir, 'config.lock'), 1_000_000_000, 1_000_000_000);
    await run(['config', 'a.b', 'c'], { gitDir });
  });
});
