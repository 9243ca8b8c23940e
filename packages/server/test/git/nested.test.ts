import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandboxGit } from '../../src/git/checkouts/sandbox-git.ts';
import { withPrivateIndex } from '../../src/git/checkouts/working-tree.ts';
import { createLocalSandbox, type LocalSandbox } from './local-sandbox.ts';
import { createSample, run, shell } from './sample.ts';

const newExecId = () => `ex_${randomBytes(10).toString('hex')}`;
const git = createSandboxGit(newExecId);
let sample: Awaited<ReturnType<typeof createSample>>;
let sandbox: LocalSandbox;
let cwd: string;

beforeEach(async () => {
  sample = await createSample();
  sandbox = await createLocalSandbox(path.join(sample.folder, 'sandbox'), 'http://berth.internal');
  cwd = path.join(sandbox.root, 'source');
  run(sandbox.root, ['clone', '--quiet', sample.source, cwd]);
});
afterEach(() => sample.end());

const staged = () =>
  withPrivateIndex(
    { git, newExecId },
    { sandbox, cwd, from: run(cwd, ['rev-parse', 'HEAD']) },
    async ({ env }) =>
      run(cwd, ['ls-files', '--stage'], env)
        .split('\n')
        .map((line) => line.replace(/ .*\t/, ' ')),
  );

test('what lies in a repository that the agent made within this one is committed as files', async () => {
  shell(
    cwd,
    `git init -q 'in ner'; cd 'in ner'; echo x > x; echo '*.log' > .gitignore; echo no > no.log
     git add .; git commit -qm inner; echo y > y; git init -q deep; echo z > deep/z; cd ..; echo after > zz`,
  );
  expect(await staged()).toEqual([
    '100644 a.txt',
    '100644 in ner/.gitignore',
    '100644 in ner/deep/z',
    '100644 in ner/x',
    '100644 in ner/y',
    '100644 zz',
  ]);
});

test('a submodule that is registered stays one', async () => {
  shell(cwd, `git -c protocol.file.allow=always submodule --quiet add '${sample.source}' 'li b'`);
  expect(await staged()).toEqual(['100644 .gitmodules', '100644 a.txt', '160000 li b']);
});

test('a repository that has only just begun hides nothing', async () => {
  shell(cwd, 'git init -q empty; git init -q begun; echo x > begun/x; echo new > new');
  expect(await staged()).toEqual(['100644 a.txt', '100644 begun/x', '100644 new']);
});
