import { expect, test } from 'vitest';
import { filesIn } from './diff.ts';

test('cuts a diff into files and counts their lines', () => {
  const files = filesIn(
    [
      'diff --git a/sum.js b/sum.js',
      'index 1..2 100644',
      '--- a/sum.js',
      '+++ b/sum.js',
      '@@ -1,2 +1,2 @@',
      ' // sum',
      '-a - b',
      '+a + b',
      'diff --git a/old.txt b/old.txt',
      'deleted file mode 100644',
      '--- a/old.txt',
      '+++ /dev/null',
      '@@ -1 +0,0 @@',
      '-gone',
      '\\ No newline at end of file',
      'diff --git a/a.bin b/b.bin',
      'Binary files a/a.bin and b/b.bin differ',
      '',
    ].join('\n'),
  );
  expect(files.map(({ path, added, removed }) => [path, added, removed])).toEqual([
    ['sum.js', 1, 1],
    ['old.txt', 0, 1],
    ['b.bin', 0, 0],
  ]);
  expect(files[0]?.lines.map(({ kind }) => kind)).toEqual(['place', 'same', 'removed', 'added']);
  expect(files[1]?.lines.at(-1)?.kind).toBe('note');
  expect(files[2]?.lines).toEqual([{ kind: 'note', text: 'Binary files a/a.bin and b/b.bin differ' }]);
});

test('content that looks like headers is content', () => {
  const [file] = filesIn(
    [
      'diff --git a/x b/x',
      '--- a/x',
      '+++ b/x',
      '@@ -1 +1 @@',
      '--- a/y',
      '+++ b/y',
      '+diff --git a/z b/z',
    ].join('\n'),
  );
  expect(file).toMatchObject({ path: 'x', added: 2, removed: 1 });
});

test('nothing changed is no file', () => {
  expect(filesIn('')).toEqual([]);
});
