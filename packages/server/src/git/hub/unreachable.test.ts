import { expect, test } from 'vitest';
import { whyUnreachable } from './unreachable.ts';

const URL = { kind: 'url', address: 'https://example.com/a.git' } as const;
const PATH = { kind: 'path', address: '/a' } as const;

test.each([
  [
    PATH,
    "fatal: detected dubious ownership in repository at '/a'",
    'git config --global --add safe.directory /a',
  ],
  [
    URL,
    "fatal: could not read Username for 'https://example.com': terminal prompts disabled",
    'requires a login',
  ],
  [URL, "fatal: Authentication failed for 'https://example.com/a.git/'", 'login was rejected'],
  [
    URL,
    'Host key verification failed.\nfatal: Could not read from remote repository.',
    'host key is unknown',
  ],
  [URL, 'git@example.com: Permission denied (publickey).', 'no key that the host accepts'],
  [
    URL,
    "fatal: unable to access 'https://x/': Operation too slow. Less than 1 bytes/sec transferred the last 30 seconds",
    'stopped responding in the middle',
  ],
  [PATH, "fatal: '/a' does not appear to be a git repository", 'not the top level of a git repository'],
  [URL, "fatal: 'a' does not appear to be a git repository", "'a' does not appear"],
])('%o: %s', (source, said, told) => {
  expect(whyUnreachable(source, said)).toContain(told);
});
