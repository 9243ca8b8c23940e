/**
 * Files in script folders that a line names, whatever its program does with them: no list of programs is
 * complete, and shell functions, loops and globs pass names on. Arguments of a known tool are what it checks,
 * so they do not count.
 */
import { matchesGlob } from '../repository/glob.ts';
import { isScriptPlace, isTestFile } from '../repository/judge-paths.ts';
import { joined, type PathIndex } from '../repository/path-index.ts';
import type { Line } from './script-parts.ts';
import { isGivenToTool, wordsOf } from './shell-lines.ts';

/** Further patterns in a line are ignored. */
const MAX_PATTERNS = 20;

export const scriptsNamedIn = (index: PathIndex, { folder, line }: Line): readonly string[] => {
  const words = wordsOf(line)
    .filter((_, at, all) => !isGivenToTool(all, at))
    // Includes the values of variables and options: `PYTHONPATH=ci:lib`, `--rules=ci/rules`.
    .flatMap((word) => word.replace(/^[\w-]{1,100}=/, '').split(':'))
    .filter((word) => /^[\w.*?[{]/.test(word));
  const places = new Set(words.flatMap((word) => [joined(folder, word), joined('', word)]));
  const named = [...places]
    .filter((place) => isScriptPlace(`${place}/`))
    .map((place) => place.replace(/\/$/, ''));
  const patterns = named.filter((place) => /[*?[{]/.test(place)).slice(0, MAX_PATTERNS);
  return [
    ...named.filter((place) => index.has(place)),
    ...named.filter((place) => index.hasFolder(place)).flatMap((place) => index.below(`${place}/`)),
    ...patterns.flatMap((pattern) => {
      // Matches at least what the shell would expand it to.
      const wider = pattern.replace(/\?|\[[^\]]*\]|\{[^}]*\}/g, '*');
      return index.filter((path) => matchesGlob(wider, path), wider.split('*').length);
    }),
  ].filter((path) => !isTestFile(path));
};
