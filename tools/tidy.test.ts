import { fileURLToPath } from 'node:url';
import { ERRORS } from '@berth/contract';
import { describe, expect, test } from 'vitest';
import { TIDY_RULES, TOUR, tidyProblems, tourProblems, wordProblems } from './tidy.ts';
import { isProduction, readTree } from './tree.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One violation per line: rule, path, text. */
const PLANTED: readonly [rule: string, path: string, text: string][] = [
  ['names-say-something', 'packages/sdk/src/utils.ts', ''],
  ['names-say-something', 'packages/server/src/task-manager.ts', ''],
  ['names-say-something', 'packages/core/src/common/a.ts', ''],
  ['names-say-something', 'packages/core/src/a.ts', 'export class TaskService {}'],
  ['files-are-kebab-case', 'packages/core/src/runTask.ts', ''],
  ['errors-have-a-code', 'packages/core/src/a.ts', "throw new Error('no');"],
  ['errors-have-a-code', 'packages/core/src/a.ts', "reject(new Error('no'));"],
  ['no-catch-is-empty', 'packages/core/src/a.ts', 'try { a(); } catch {}'],
  ['no-catch-is-empty', 'packages/core/src/a.ts', 'try { a(); } catch (error) {\n  // never mind\n}'],
  ['only-missing-is-absent', 'packages/plugins/src/drivers/a.ts', "readFile(path, 'utf8').catch(() => '')"],
  ['only-missing-is-absent', 'packages/server/src/store/a.ts', 'if (existsSync(path)) return;'],
  [
    'only-missing-is-absent',
    'packages/plugins/src/linux/a.ts',
    'stat(a).then(\n  () => true,\n  () => false,\n)',
  ],
  ['programs-start-in-one-place', 'packages/server/src/a.ts', "import { spawn } from 'node:child_process';"],
  ['programs-start-in-one-place', 'packages/server/src/a.ts', "import { execa } from 'execa';"],
  ['shells-inside-have-a-path', 'packages/core/src/a.ts', "argv: ['sh', '-c', line]"],
  ['nothing-is-owed', 'packages/core/src/a.ts', '// TODO: think'],
  ['nothing-is-owed', 'packages/core/src/a.ts', '// one at a time for now'],
  ['versions-are-said-once', 'packages/core/src/a.ts', "where: { name: 'sandbox.create@1' }"],
  ['jobs-belong-to-the-queue', 'packages/core/src/a.ts', "await tx.table('jobs').count();"],
  ['jobs-belong-to-the-queue', 'packages/core/src/a.ts', "allRows(tx, { table: 'jobs' })"],
  ['one-way-to-the-screen', 'packages/cli/src/a.ts', "console.log('x');"],
  ['one-way-to-the-screen', 'packages/cli/src/commands/a.ts', "process.stdout.write('x');"],
  ['no-test-is-skipped', 'packages/core/src/a.test.ts', "test.skip('later', () => {});"],
  ['no-test-is-skipped', 'packages/core/src/a.test.ts', "describe.only('this', () => {});"],
  ['no-private-places', 'docs/a.md', '# A\nSee /root/notes.txt'],
  ['one-title-a-document', 'docs/a.md', '# A\n\n# B'],
  ['one-title-a-document', 'docs/a.md', 'no title'],
  ['links-resolve', 'docs/a.md', '# A\n[b](./b.md)'],
  ['links-resolve', 'docs/a.md', '# A\n[b](../src/b.ts#here)'],
  ['named-files-exist', 'docs/a.md', '# A\nSee `b.ts`.'],
  ['named-files-exist', 'packages/core/src/a.ts', '/** See `other/a.ts`. */'],
  ['named-files-exist', 'packages/core/src/a.ts', 'const a = 1; // see `b-*.ts`'],
];

const FINE: readonly [path: string, text: string][] = [
  ['packages/core/src/a.ts', '// TODO(#12): widen'],
  ['packages/core/src/a.test.ts', "throw new Error('planted');"],
  ['packages/core/src/a.test.ts', "test.skipIf(process.platform === 'win32')('x', () => {});"],
  ['packages/core/src/a.ts', 'try { a(); } catch (error) { report(error); }'],
  ['packages/plugins/src/drivers/a.ts', "readFile(path, 'utf8').catch(ifMissing(undefined))"],
  ['packages/core/src/a.ts', '/** `a.ts`, `src/a.ts`, `./a.ts`, `src/*.ts`, `<noun>.ts` and `.test.ts`. */'],
  ['packages/core/src/a.ts', 'const written = `b.ts`;'],
  [
    'docs/a.md',
    '# A\n[itself](a.md#a), [folder](../docs), [far](https://example.com)\n```sh\n# a comment\n```',
  ],
];

describe('tidy', () => {
  test('every rule has a planted violation', () => {
    expect(new Set(PLANTED.map(([rule]) => rule))).toEqual(new Set(TIDY_RULES.map(({ name }) => name)));
  });

  test.each(PLANTED)('%s bites: %s', (rule, path, text) => {
    expect(tidyProblems([{ path, text }]).map(({ message }) => message.split(':')[0])).toContain(rule);
  });

  test.each(FINE)('fine: %s %s', (path, text) => {
    expect(tidyProblems([{ path, text }])).toEqual([]);
  });

  test('the tour is complete and short', () => {
    const stops = TOUR.map((path) => ({ path, text: 'x\n'.repeat(140) }));
    expect(tourProblems(stops)).toEqual([]);
    expect(tourProblems(stops.slice(1))).toHaveLength(1);
    expect(tourProblems([...stops.slice(1), { path: TOUR[0] ?? '', text: 'x\n'.repeat(141) }])).toHaveLength(
      1,
    );
  });

  test.each([
    ['packages/core/src/a.ts', 'const branchWish = 1;'],
    ['packages/core/src/a.ts', '/** One of the wishes. */'],
    ['packages/core/src/a.ts', 'const USAGE_TABLE = 1;'],
    ['docs/a.md', '# A\n\nOpen a merge request.'],
  ])('a word that the glossary avoids is found in %s: %s', (path, text) => {
    const row = ['| request | what somebody asks for | wish, usage table, merge request |'];
    const glossary = { path: 'CONTEXT.md', text: ['| term | meaning | avoid |', ...row].join('\n') };
    expect(wordProblems([glossary, { path, text }])).toHaveLength(1);
    expect(wordProblems([glossary, { path, text: 'A request.' }])).toEqual([]);
    expect(wordProblems([{ path, text }])).toHaveLength(1);
  });

  test('this repository is tidy', () => {
    const files = readTree(root);
    expect([...tidyProblems(files), ...tourProblems(files), ...wordProblems(files)]).toEqual([]);
  });

  test('every error code is in the reference', () => {
    const page = readTree(root, 'docs').find(({ path }) => path === 'docs/reference/errors.md')?.text ?? '';
    expect(Object.keys(ERRORS).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });

  test('every error code is raised', () => {
    const sources = readTree(root, 'packages').filter(
      ({ path }) => isProduction(path) && /^packages\/[^/]+\/src\//.test(path),
    );
    // A guest's refusal becomes the error of its code.
    const raise = /(?:\bfail\(|\bnew Refusal\(\{ code:)\s*'([a-z_.]+)'/g;
    const raised = new Set(sources.flatMap(({ text }) => [...text.matchAll(raise)].map(([, code]) => code)));
    expect(Object.keys(ERRORS).filter((code) => !raised.has(code))).toEqual([]);
  });
});
