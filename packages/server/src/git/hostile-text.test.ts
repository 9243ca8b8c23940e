import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { parseSource } from './hub/source.ts';

const parsed = (text: string): string => {
  try {
    return parseSource(text).name;
  } catch (error) {
    return String(error);
  }
};

test('the time to read where a repository comes from grows with the text', () => {
  expect(slowText(parsed, { begins: ['/', 'https://', 'a', 'a@', 'a:b@'] })).toBeUndefined();
});

test('a user with a password is no address, wherever else colons are', () => {
  for (const secret of ['me:secret@host:path', 'me:secret@host:22:path'])
    expect(parsed(secret)).toMatch(/credentials/);
  expect(parsed('me:secret@host/path')).not.toContain('secret');
  expect(parsed('git@host.example:group/app.git///')).toBe('app');
});
