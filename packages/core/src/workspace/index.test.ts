import type { GateCommand } from '@berth/contract';
import { expect, test } from 'vitest';
import { gateIssues } from './index.ts';

const command = (name: string, more: Partial<GateCommand> = {}): GateCommand => ({
  name,
  run: 'make',
  ...more,
});
const told = (...commands: GateCommand[]): string[] =>
  gateIssues(commands, 'app').map(({ path, message }) => `${path.replace('body.gate.', '')}: ${message}`);

test.each<[string, GateCommand[], string[]]>([
  [
    'no such command',
    [command('a', { needs: ['b'] }), command('c')],
    ['commands[0].needs[0]: there is no command b: name one of c'],
  ],
  [
    'no other command',
    [command('a', { needs: ['b'] })],
    ['commands[0].needs[0]: there is no command b: name none'],
  ],
  ['itself', [command('a', { needs: ['a'] })], ['commands[0].needs[0]: it needs itself: take this out']],
  [
    'a later one',
    [command('a', { needs: ['b'] }), command('b')],
    ['commands[0].needs[0]: b comes after it: list b before a'],
  ],
  [
    'a circle',
    [command('a', { needs: ['c'] }), command('b', { needs: ['a'] }), command('c', { needs: ['b'] })],
    ['commands[0].needs[0]: a and c need each other: take one of the two out'],
  ],
  [
    'one name twice',
    [command('a'), command('a')],
    ['commands[1].name: commands[0] is named a already: give this one another name'],
  ],
  [
    'one name twice, said in two ways',
    [command('a', { repository: 'app' }), command('a')],
    ['commands[1].name: commands[0] is named a already: give this one another name'],
  ],
  [
    'one of several repositories',
    [command('a'), command('a', { repository: 'lib' }), command('b', { repository: 'web', needs: ['a'] })],
    ['commands[2].needs[0]: a is in several repositories: give each its own name'],
  ],
  [
    'nothing',
    [command('a', { run: ' \n# later\n' })],
    [
      'commands[0].run: it runs nothing, so it would pass anything: give a shell line that fails when work is wrong',
    ],
  ],
  ['what is there', [command('a'), command('b', { needs: ['a'] }), command('c', { needs: ['a', 'b'] })], []],
  [
    'the same name in another repository',
    [command('a'), command('a', { repository: 'lib' }), command('b', { needs: ['a'] })],
    [],
  ],
])('a gate that needs or runs %s', (_, commands, issues) => {
  expect(told(...commands)).toEqual(issues);
});
