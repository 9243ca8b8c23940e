import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writePushHook } from './push-hook.ts';

let folder: string;
let hook: string;
let commit: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-hook-'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, ...args])
      .toString()
      .trim();
  git('init', '--quiet', '--bare');
  const tree = execFileSync('git', ['-C', folder, 'mktree'], { input: '' }).toString().trim();
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
  commit = git(...who, 'commit-tree', tree, '-m', 'one');
  hook = join(await writePushHook(folder), 'pre-receive');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The hook as git calls it, with a git of which one part fails. */
const pushed = (failing: string) => {
  const path = mkdtempSync(join(folder, 'path-'));
  const script = `#!/bin/sh\ncase $1 in ${failing}) exit 1;; esac\nexec "$(PATH=$SYSTEM command -v git)" "$@"\n`;
  writeFileSync(join(path, 'git'), script);
  chmodSync(join(path, 'git'), 0o755);
  const system = process.env.PATH ?? '';
  return spawnSync(hook, {
    cwd: folder,
    input: `${'0'.repeat(40)} ${commit} refs/heads/a\n`,
    env: { PATH: `${path}:${system}`, SYSTEM: system, GIT_DIR: folder, GIT_ALTERNATE_OBJECT_DIRECTORIES: '' },
  }).status;
};

test.each(['rev-list', 'cat-file'])('a push that `git %s` could not look at is refused', (part) => {
  expect(pushed('nothing')).toBe(0);
  expect(pushed(part)).toBe(1);
});
