/** Finds out which package scripts are run, line by line. */
import { callsUnknownScript, wordsOf } from './shell-lines.ts';

export interface PackageScripts {
  readonly folder: string;
  readonly scripts: Readonly<Record<string, string>>;
}

const SHORT: Readonly<Record<string, string>> = { t: 'test', tst: 'test' };
/** Patterns such as `run-p 'lint:*'`; beyond this, every script counts as called. */
const MAX_PATTERNS = 100;

/**
 * A word equal to a script's name counts as a call of it, even if the script is found later. A script also
 * runs its `pre` and `post` scripts. `onLine` receives each line once per package.
 */
export const followCalls = (onLine: (folder: string, line: string) => void) => {
  const byName = new Map<string, PackageScripts[]>();
  const [words, patterns, reached] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let isAnyCalled = false;
  const waiting: string[] = [];
  const run = ({ folder, scripts }: PackageScripts, name: string): void => {
    onLine(folder, scripts[name] ?? '');
    waiting.push(scripts[name] ?? '');
  };
  const reachOne = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const one of byName.get(name) ?? []) run(one, name);
  };
  const callScript = (name: string): void => {
    for (const one of [name, `pre${name}`, `post${name}`]) reachOne(one);
  };
  const callAlike = (start: string): void => {
    for (const name of byName.keys()) if (name.startsWith(start)) callScript(name);
  };
  const callAny = (): void => {
    if (isAnyCalled) return;
    isAnyCalled = true;
    callAlike('');
  };
  const hearWord = (word: string): void => {
    if (words.has(word)) return;
    words.add(word);
    if (byName.has(word)) callScript(word);
    if (!word.endsWith(':*')) return;
    patterns.add(word.slice(0, -1));
    if (patterns.size > MAX_PATTERNS) callAny();
    else callAlike(word.slice(0, -1));
  };
  const hear = (line: string): void => {
    for (const word of wordsOf(line)) hearWord(SHORT[word] ?? word);
    if (callsUnknownScript(line)) callAny();
  };
  const settle = (): void => {
    for (let line = waiting.pop(); line !== undefined; line = waiting.pop()) hear(line);
  };
  return {
    reached: reached as ReadonlySet<string>,
    /** Adds a line that may call scripts. */
    call: (line: string): void => {
      hear(line);
      settle();
    },
    add: (more: PackageScripts): void => {
      for (const name of Object.keys(more.scripts)) {
        byName.set(name, [...(byName.get(name) ?? []), more]);
        if (reached.has(name)) run(more, name);
        else if (isAnyCalled || words.has(name) || [...patterns].some((start) => name.startsWith(start)))
          callScript(name);
      }
      settle();
    },
  };
};
