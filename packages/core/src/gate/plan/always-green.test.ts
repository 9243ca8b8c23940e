import { expect, test } from 'vitest';
import { alwaysGreen, cannotFail } from './always-green.ts';

test.each([
  ...[
    'true',
    ':',
    'exit 0',
    'echo ok',
    'npm test || true',
    'npm test || :',
    'npm test; true',
    'sh -n check.sh',
  ],
  ...['test -d .', '[ -d . ]', '[ 1 ]', 'npm test | tee log', 'npm test &', 'npm test; echo "done; ok"'],
  ...['CI=1 true', 'true && echo ok', 'make test || echo failed', '# checks\ntrue', "printf 'x'"],
])('cannot fail: %s', (line) => {
  expect(cannotFail(line)).toBe(true);
});

test.each([
  ...[
    'npm test',
    'true && npm test',
    'npm test && true',
    'exit 1; true',
    'npm test || exit 1',
    'test -d src',
  ],
  ...[
    'set -e; npm test; true',
    'if npm test; then true; fi',
    'sh check.sh',
    'echo "$(npm test)"',
    '(exit 1)',
  ],
  ...['npm test || exit 1; true', 'grep -q x y || false', "echo 'x", 'exec false; true', 'true | grep x'],
])('may fail: %s', (line) => {
  expect(cannotFail(line)).toBe(false);
});

test('a script that does nothing makes the command that calls it one that cannot fail', () => {
  const command = (run: string) => ({ name: run, repository: 'app', run, timeoutMs: 1, needs: [] });
  const scripts = { test: 'npm run unit', unit: 'true', lint: 'eslint .', circle: 'npm run circle' };
  const files = [{ repository: 'app', texts: { 'package.json': JSON.stringify({ scripts }) } }];
  const commands = ['npm test', 'npm run lint', 'npm run circle'].map(command);
  expect(alwaysGreen(commands, files)).toEqual(['npm test']);
});
