import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writePushHook } from '../../src/gateway/git/push-hook.ts';

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

const SYSTEM = process.env.PATH ?? '';

/** The hook as git calls it, with these scripts in place of programs. */
const pushed = (programs: Readonly<Record<string, string>>) => {
  const path = mkdtempSync(join(folder, 'path-'));
  for (const [name, script] of Object.entries(programs))
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return spawnSync(hook, {
    cwd: folder,
    input: `${'0'.repeat(40)} ${commit} refs/heads/a\n`,
    env: {
      ...{ PATH: `${path}:${SYSTEM}`, SYSTEM },
      ...{ GIT_DIR: folder, GIT_ALTERNATE_OBJECT_DIRECTORIES: '' },
    },
  }).status;
};

test('a push that brings what it leads to gets through', () => {
  expect(pushed({})).toBe(0);
});

test.each([
  ...['rev-list', 'cat-file'].map((part) => ({
    program: 'git',
    script: `case $1 in ${part}) exit 1;; esac\nexec "$(PATH=$SYSTEM command -v git)" "$@"`,
    part,
  })),
  ...['cut', 'grep'].flatMap((program) => [
    { program, script: 'exit 2', part: '' },
    { program, script: 'exit 127', part: '' },
    { program, script: 'kill -KILL $$', part: '' },
  ]),
])('a push that `$program $part` could not look at is refused ($script)', ({ program, script }) => {
  expect(pushed({ [program]: script })).toBe(1);
});

test.each([
  ['299999999', 0],
  ['300000000', 1],
  ['1000000000', 1],
])('a push with a part of %s bytes', (size, status) => {
  const git = `case $1 in cat-file) cat >/dev/null; echo ${commit} ${size};; *) exec "$(PATH=$SYSTEM command -v git)" "$@";; esac`;
  expect(pushed({ git })).toBe(status);
});
