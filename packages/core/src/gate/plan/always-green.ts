/**
 * Gate lines that exit with 0 whatever the state of the work, and thus check nothing. Reports only what is
 * certain.
 */

import { scriptsIn } from '../repository/manifests.ts';
import type { RepositoryFiles } from '../repository/path-index.ts';
import type { PlannedCommand } from './plan.ts';

type Scripts = Readonly<Record<string, string>>;

/** The commands' lines that cannot fail. */
export const alwaysGreen = (
  commands: readonly PlannedCommand[],
  files: readonly Pick<RepositoryFiles, 'repository' | 'texts'>[],
): string[] =>
  commands.flatMap(({ run, repository }) => {
    const manifest = files.find((one) => one.repository === repository)?.texts['package.json'];
    return cannotFail(run, scriptsIn(manifest)) ? [run] : [];
  });

const MAX_LINE_CHARACTERS = 4000;
/** Maximum depth of scripts that call each other. */
const MAX_CALLS = 8;

export const cannotFail = (line: string, scripts: Scripts = {}, calls = 0): boolean => {
  const said = line.replace(/(^|\s)#.*$/gm, '$1').trim();
  if (said.length > MAX_LINE_CHARACTERS || calls > MAX_CALLS) return false;
  // Quotes and nested constructs could hide a separator.
  if (/[`(){}<\\]|\$\(|\bset\s+-\w*[eo]|\b(?:if|for|while|case|then|do)\b/.test(said)) return false;
  const words = quotesAway(said);
  if (words === undefined) return false;
  const lists = words.split(/;|\n|&(?!&)(?<!&&)/).map((one) => one.trim());
  const last = lists.findLast((one) => one !== '');
  if (last === undefined || /\b(?:exit|exec|return)\b(?! 0\b)/.test(words)) return false;
  if (/(?:^|[^&])&\s*$/.test(words)) return true;
  return last
    .split('&&')
    .every((part) =>
      cannotFailAlone(part.split('||').at(-1)?.split('|').at(-1)?.trim() ?? '', scripts, calls),
    );
};

/** The text with every quoted part replaced by a letter; undefined if a quote is left open. */
const quotesAway = (text: string): string | undefined => {
  const plain = text.replace(/'[^']*'|"[^"$`]*"/g, 'q');
  return /['"]/.test(plain) ? undefined : plain;
};

const HARMLESS = /^(?:true|:|echo|printf|pwd|sleep|date|uname|whoami|tee|exit 0|return 0)(?:\s|$)/;
/** Paths that every checkout has. */
const ALWAYS_THERE = /^(?:test|\[) (?:-[de] \.|-n q|1|q)(?: \])?$/;
const ONLY_PARSED = /^(?:ba|da|z)?sh -n(?:\s|$)/;
const CALLS_SCRIPT = /^(?:npm|pnpm|yarn|bun)(?: run)?(?: (?:-s|--silent))* ([\w:.-]+)$/;

const cannotFailAlone = (command: string, scripts: Scripts, calls: number): boolean => {
  const plain = command.replace(/^(?:\w+=\S*\s+)+/, '');
  if (HARMLESS.test(plain) || ALWAYS_THERE.test(plain) || ONLY_PARSED.test(plain)) return true;
  const name = CALLS_SCRIPT.exec(plain)?.[1] ?? '';
  const script = scripts[name];
  if (script === undefined || scripts[`pre${name}`] !== undefined || scripts[`post${name}`] !== undefined)
    return false;
  return cannotFail(script, scripts, calls + 1);
};
