/** Repositories of a user, and what is read of the server's copies of them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Workspace } from '@berth/contract';

export type Files = Readonly<Record<string, string>>;

export const git = (folder: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

/** A checkout with one commit on `main`. Returns its folder. */
export const makeRepository = (folder: string, name: string, files: Files): string => {
  const path = join(folder, name);
  mkdirSync(path);
  git(path, 'init', '--quiet', '--initial-branch', 'main');
  commitFiles(path, files, 'Begin');
  return path;
};

export const commitFiles = (path: string, files: Files, message: string): string => {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), content);
  }
  git(path, 'add', '--all');
  git(path, 'commit', '--quiet', '--message', message);
  return git(path, 'rev-parse', 'HEAD');
};

/** Where the server keeps its copy of a workspace's first repository. */
export const hubOf = ({ repositories: [repository] }: Workspace): string => {
  if (repository?.hubPath === undefined) throw new Error('the workspace does not say where its hub is');
  return repository.hubPath;
};

/** All refs below a prefix, with their commits. */
export const refsOf = (hub: string, prefix: string): Files =>
  Object.fromEntries(
    git(hub, 'for-each-ref', '--format=%(refname) %(objectname)', prefix)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ') as [string, string]),
  );

/** A package whose only test fails: `sum` takes away instead of adding. */
export const BROKEN_SUM: Files = {
  'package.json': JSON.stringify({ name: 'sum', type: 'module', scripts: { test: 'node --test' } }),
  'sum.js': 'export const sum = (a, b) => a - b;\n',
  'sum.test.js': [
    "import assert from 'node:assert';",
    "import { test } from 'node:test';",
    "import { sum } from './sum.js';",
    "test('adds', () => assert.equal(sum(2, 3), 5));",
    '',
  ].join('\n'),
};
