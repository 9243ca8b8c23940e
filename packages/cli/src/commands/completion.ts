/** Completion scripts, generated from the command tree: every word after every path. */
import { Argument, Command } from 'commander';
import type { Frame } from '../command.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const completionCommand = ({ world }: Frame, program: Command): Command =>
  new Command('completion')
    .description('Print a completion script: source <(berth completion bash)')
    .addArgument(new Argument('<shell>').choices([...SHELLS]))
    .action((shell: (typeof SHELLS)[number]) => {
      const words = wordsAfter(program, []);
      world.stdout.write(shell === 'fish' ? fish(words) : bash(words, shell === 'zsh'));
    });

type Words = readonly (readonly [path: string, words: readonly string[]])[];

const wordsAfter = (command: Command, path: readonly string[]): Words => [
  [
    path.join(' '),
    [...command.commands.map((child) => child.name()), ...command.options.flatMap(({ long }) => long ?? [])],
  ],
  ...command.commands.flatMap((child) => wordsAfter(child, [...path, child.name()])),
];

/**
 * Longest paths first, because the first matching pattern wins; where no word matches, files are completed. zsh reads
 * bash's form through its compatibility layer.
 */
const bash = (words: Words, isZsh: boolean): string => {
  const cases = [...words]
    .sort(([a], [b]) => b.length - a.length)
    .map(([path, list]) => `    ${path === '' ? "''" : `'${path}'*`}) words="${list.join(' ')}" ;;`);
  return `${isZsh ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_berth() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == -* ]] || path="\${path:+$path }$word"
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _berth berth
`;
};

const fish = (words: Words): string =>
  [
    'complete -c berth -f',
    ...words.map(([path, list]) => {
      const condition =
        path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`;
      return `complete -c berth -n '${condition}' -a '${list.join(' ')}'`;
    }),
    '',
  ].join('\n');
