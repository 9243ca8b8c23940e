import type { Weakening } from '@berth/contract';
import { expect, test } from 'vitest';
import { isAgreedTo, listed } from './weakening.ts';

const deleted = (names: readonly string[]): Weakening[] =>
  listed(names.map((subject) => ({ kind: 'test_deleted' as const, subject, detail: 'deleted' }))).map(
    (one) => ({ ...one, repository: 'app' }),
  );
const names = (count: number, prefix = 'test/'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}.test.js`);

test('a yes covers what it was asked about, by name and not by number', () => {
  const [asked, other] = [names(70), [...names(69), 'test/auth.test.js']];
  expect(isAgreedTo(deleted(asked), deleted(asked))).toBe(true);
  expect(isAgreedTo(deleted(names(60)), deleted(asked))).toBe(true);
  expect(isAgreedTo(deleted(other), deleted(asked))).toBe(false);
});

test.each([
  ['many', names(501)],
  ['long', names(100, 'a'.repeat(2000))],
])('what is too %s to be kept is asked about again', (_, asked) => {
  const kept = deleted(asked);
  expect(kept.at(-1)?.subject).toMatch(/^and \d+ more$/);
  expect(isAgreedTo(kept, kept)).toBe(false);
});
