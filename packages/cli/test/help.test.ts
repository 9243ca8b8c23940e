import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram, runCommandLine } from '../src/program.ts';
import { createWorld } from './scripted-io.ts';

const helpOf = (command: Command): string[] => [
  command.helpInformation(),
  ...command.commands.flatMap(helpOf),
];

test('the help of every command', async () => {
  const program = createProgram({ world: createWorld(), done: () => undefined });
  await expect(helpOf(program).join('\n────\n\n')).toMatchFileSnapshot('help.golden.txt');
});

test('help and version end with 0', async () => {
  for (const args of [['--help'], ['task', '--help'], ['--version']]) {
    const world = createWorld();
    expect(await runCommandLine(args, world)).toBe(0);
    expect(world.out()).not.toBe('');
  }
});

const scriptFor = async (shell: string) => {
  const world = createWorld();
  expect(await runCommandLine(['completion', shell], world)).toBe(0);
  return world.out();
};

test.each([
  ['berth ""', ['run', 'task', 'sandbox', 'up']],
  ['berth ta', ['task']],
  ['berth task ""', ['create', 'list', 'logs']],
  ['berth task list --st', ['--state']],
])('bash completes %s', async (line, expected) => {
  const words = line.split(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _berth; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', `${await scriptFor('bash')}\n${ask}`], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual(expect.arrayContaining(expected));
});

test('zsh and fish have a script', async () => {
  expect(await scriptFor('zsh')).toContain('bashcompinit');
  expect(await scriptFor('fish')).toContain(
    "complete -c berth -n '__fish_seen_subcommand_from task' -a 'create list",
  );
});
