import { expect, test } from 'vitest';
import { matchesGlob } from './glob.ts';

test.each([
  ['packages/*', 'packages/a', true],
  ['packages/*', 'packages/a/b', false],
  ['packages/*', 'packages', false],
  ['packages/**', 'packages/a/b', true],
  ['packages/**', 'packages', false],
  ['**/test', 'test', true],
  ['**/test', 'a/b/test', true],
  ['**/test', 'a/b/tests', false],
  ['a/**/b/**/c', 'a/x/b/y/b/c', true],
  ['a/**/b/**/c', 'a/b/c', true],
  ['a/**/b/**/c', 'a/c/b', false],
  ['a/**/b', 'a', false],
  ['a-*-b*', 'a-x-b-b', true],
  ['a*a', 'a', false],
  ['a.c', 'abc', false],
  ['apps/web', 'apps/web', true],
  ['**', 'a', true],
])('%s and %s: %s', (pattern, path, isMatch) => {
  expect(matchesGlob(pattern, path)).toBe(isMatch);
});
