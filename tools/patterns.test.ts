import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { constructedPatterns, patternProblems } from './patterns.ts';
import { readTree } from './tree.ts';

const path = 'packages/core/src/a.ts';

test('a pattern is put together from what its file says, and a name stands for the rest', () => {
  const text = String.raw`
    const WORDS = ['a+', ...MORE, 'b'];
    const MORE = ['c'];
    const one = (name: string) => new RegExp(\`^\${name}: (\\d+)$\`, 'm');
    const two = RegExp(WORDS.join('|') + /x\/y/.source, 'gy');
  `
    .replaceAll('\\`', '`')
    .replaceAll('\\$', '$');
  expect(constructedPatterns({ path, text }).map(String)).toEqual([
    String.raw`/^a: (\d+)$/gm`,
    String.raw`/a+|c|bx\/y/g`,
  ]);
});

test.each([
  ["new RegExp('^(a+)+$')"],
  ["const BLANKS = '\\\\s+';\nexport const read = (name: string) => new RegExp(BLANKS + name, 'm');"],
  ["new RegExp(['x', 'head: .*,.*,.*b'].join('|'))"],
])('one that goes back over its text is found: %s', (text) => {
  expect(patternProblems([{ path, text }])).toHaveLength(1);
});

test('no pattern of the tree does', { timeout: 60_000 }, () => {
  const files = readTree(fileURLToPath(new URL('..', import.meta.url)));
  expect(patternProblems(files)).toEqual([]);
});
