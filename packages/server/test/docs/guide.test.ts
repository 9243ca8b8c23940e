/** The pages of the guide do what they say: every example is run, by a shell, against the real server and agent. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Scripts, startScriptedModel } from '@berth/plugin-api/fakes';
import { afterEach, expect, test } from 'vitest';
import { BROKEN_SUM, makeRepository } from '../system/repository.ts';
import { examplesIn, missingLines, readerOf, tell } from './guide.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const GUIDE = join(ROOT, 'docs/guide');
const KEY = 'key-of-the-guide';

/** What the model answers to the prompts on the pages. */
const SCRIPTS: Scripts = {
  fix: {
    match: 'Find the bug',
    answers: [
      { calls: [{ do: 'edit', path: 'sum.js', old: 'a - b', new: 'a + b' }] },
      { text: 'It adds now.' },
    ],
  },
  usage: {
    match: 'USAGE.md',
    answers: [{ calls: [{ do: 'write', path: 'USAGE.md', content: '`sum(1, 2)`\n' }] }, { text: 'Written.' }],
  },
  index: {
    match: 'INDEX.md',
    answers: [{ calls: [{ do: 'write', path: 'INDEX.md', content: 'NOTES.md\n' }] }, { text: 'Written.' }],
  },
  notes: {
    match: 'NOTES.md',
    answers: [{ calls: [{ do: 'write', path: 'NOTES.md', content: '`sum` adds.\n' }] }, { text: 'Written.' }],
  },
};

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

const createReader = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-guide-'));
  // Sandboxes run as separate users, who need to traverse this folder.
  chmodSync(folder, 0o711);
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const model = await startScriptedModel({ scripts: SCRIPTS, requireKey: KEY });
  ends.push(() => model.close());
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  const berth = join(ROOT, 'packages/cli/bin/berth.js');
  writeFileSync(join(programs, 'berth'), `#!/bin/sh\nexec "${process.execPath}" "${berth}" "$@"\n`, {
    mode: 0o755,
  });
  symlinkSync(process.execPath, join(programs, 'node'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  makeRepository(folder, 'shop', BROKEN_SUM);
  const env = {
    ...readerOf(folder, programs),
    BERTH_HOME: join(folder, 'home'),
    BERTH_MODEL: 'openai/scripted',
    OPENAI_API_KEY: KEY,
    OPENAI_BASE_URL: `${model.url}/v1`,
  };
  ends.push(() =>
    tell([{ language: 'sh', code: 'berth down --remove-sandboxes\n', prints: [] }], { folder, env }),
  );
  return { folder, env };
};

test.each(readdirSync(GUIDE))(
  '%s',
  async (name) => {
    const examples = examplesIn(readFileSync(join(GUIDE, name), 'utf8'));
    expect(examples.length).toBeGreaterThan(0);
    const told = await tell(examples, await createReader());
    for (const [index, example] of examples.entries()) {
      const printed = told.printed[index];
      expect(printed, `${example.code}\nfailed:\n${told.errors}`).toBeDefined();
      expect(
        missingLines(example, printed ?? ''),
        `${example.code}\nprinted:\n${printed}${told.errors}`,
      ).toEqual([]);
    }
    expect(told.exitCode, told.errors).toBe(0);
  },
  180_000,
);

test('what a page promises and does not come is found', () => {
  const [example] = examplesIn('```sh\nls\n```\n\n```text\na\nb\n```\n');
  expect(example?.prints).toEqual(['a', 'b']);
  expect(missingLines({ language: 'sh', code: '', prints: ['a', 'b'] }, 'x\na\nb\n')).toEqual([]);
  expect(missingLines({ language: 'sh', code: '', prints: ['a', 'b'] }, 'b\na\n')).toEqual(['b']);
});
