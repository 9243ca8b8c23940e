import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { isInput, isPlain } from './reads.ts';
import {
  arePlainManifests,
  isPlainNpmSettings,
  isPlainPnpmWorkspace,
  isPlainYarnSettings,
} from './reads-node.ts';
import { isPlainRequirementList } from './reads-python.ts';

test.each<[string, (text: string) => unknown, readonly string[]]>([
  ['a list of requirements', isPlainRequirementList, ['a @ https:', '-r ', 'a==1 ']],
  ['settings of npm', isPlainNpmSettings, ['//', '//a:_auth', '@a']],
  ['settings of Yarn', isPlainYarnSettings, ['yarnPath: .yarn/', '"@a']],
  ['a workspace of pnpm', isPlainPnpmWorkspace, ['packages']],
  [
    'a manifest',
    (text) => arePlainManifests({ 'package.json': text }),
    ['{"dependencies":', '{"scripts":{"'],
  ],
  ['a lock file of uv', (text) => isPlain('uv.lock', text), ['{']],
  ['a path', isInput, ['requirements']],
])('the time to read grows with the text: %s', (_, read, begins) => {
  expect(slowText(read, { begins })).toBeUndefined();
});
