/** How many tests there are: in the text of a test file, and in what a test runner printed. */
import { replaceBlocks } from './blocks.ts';

export interface TestMeasure {
  readonly cases: number;
  readonly assertions: number;
  readonly skipped: number;
  /** Calls that end the program. */
  readonly ends: number;
}

const CASES =
  /\b(?:it|test|describe|specify|scenario)(?:\.\w+){0,8}\s*\(|\bdef\s+test\w*|\bfunc\s+(?:Test|Fuzz)\w*|#\[(?:\w+::)?test|@Test\b/g;
const ASSERTIONS =
  /\b(?:assert|expect|should|require|t)\b(?:\.\w+){0,8}\s*[(!]|\bassert\w*[ !(]|\.should\b|\bt\.(?:Error|Fatal|is|deepEqual|throws|ok|equal|true|false)\w*\s*\(/g;
const SKIPPED = new RegExp(
  [
    String.raw`\b(?:it|test|describe|suite|context|specify|scenario|bench|t|this)(?:\.\w+){0,8}(?:\.|\[["'])(?:skip|only|todo|fails|failing|fixme|skipIf|runIf)\b`,
    String.raw`\bx(?:it|test|describe|context|specify|scenario)\b|\bf(?:it|describe|context)\s*\(|\bpending\s*\(`,
    String.raw`["']?\b(?:skip|todo|only)["']?\s*:|\bskip\s*\(`,
    String.raw`\bskipTest\b|\bSkipTest\b|@(?:unittest|(?:pytest\.)?mark)\.(?:skip|xfail|expectedFailure)\w*|\bmark\.(?:skip|xfail)\w*`,
    String.raw`\bpytest\.(?:skip|xfail|importorskip)\b|\bcollect_ignore\w*|\b__test__\s*=\s*False`,
    String.raw`\.Skip(?:f|Now)?\(|#!?\[(?:cfg_attr\([^\]]{0,200})?ignore|#!?\[cfg\((?!test\))|@(?:Disabled|Ignore)\b|\bassume(?:That|True|False)\s*\(`,
    String.raw`\[(?:Ignore|Fact\(Skip|Theory\(Skip)|\bmarkTest(?:Skipped|Incomplete)\b|\bXCTSkip|@tag\s+:?skip`,
  ].join('|'),
  'g',
);
/** Comments that a compiler or a runner obeys. */
const OBEYED =
  /^[ \t]*(?:\/\/go:build|\/\/ \+build|\/\/\s*@ts-nocheck|\/\*\s*@(?:jest|vitest)-environment)/gm;
/** What ends a program before its tests have said anything. */
const ENDED =
  /\b(?:process|sys|os|Deno|Bun|std::process|Runtime\.getRuntime\(\))(?:\.|::)_?(?:exit|Exit|abort|kill|reallyExit)\s*\(|\bprocess\.exitCode\s*=|^[ \t]*exit\b/gm;

/** A rough measure, good for one thing: to see that a file tests less than it did. Comments do not count. */
export const measureTest = (text: string): TestMeasure => {
  const code = replaceBlocks(text, ['/*', '*/'], () => '').replace(/(^|\s)(?:\/\/|#(?!\[)).*$/gm, '$1');
  const count = (pattern: RegExp, of = code): number => of.match(pattern)?.length ?? 0;
  return {
    cases: count(CASES),
    assertions: count(ASSERTIONS),
    skipped: count(SKIPPED) + count(OBEYED, text),
    ends: count(ENDED),
  };
};

/** What is less than it was; undefined when nothing is. */
export const reductionOf = (was: TestMeasure, is: TestMeasure): string | undefined => {
  const parts = [
    ...(is.cases < was.cases ? [`${was.cases} → ${is.cases} tests`] : []),
    ...(is.assertions < was.assertions ? [`${was.assertions} → ${is.assertions} assertions`] : []),
    ...(is.skipped > was.skipped ? [`${was.skipped} → ${is.skipped} skipped`] : []),
    ...(is.ends > was.ends ? [`${was.ends} → ${is.ends} calls that end the program`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
};

/** Whether all that is there now has only been added to what was there. */
export const isOnlyMore = (was: string, is: string): boolean => {
  if (reductionOf(measureTest(was), measureTest(is)) !== undefined) return false;
  const lines = is.split('\n').map((line) => line.trim());
  let at = 0;
  return was
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .every((line) => {
      at = lines.indexOf(line, at) + 1;
      return at > 0;
    });
};

/** Of one line: how many tests it says there were; undefined when it is not the line that sums a run up. */
type Reader = (line: string) => number | undefined;

const found =
  (pattern: RegExp): Reader =>
  (line) => {
    const digits = pattern.exec(line)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
const isLike =
  (pattern: RegExp, count: Reader): Reader =>
  (line) =>
    pattern.test(line) ? count(line) : undefined;

/** `3 passed, 1 failed`: whatever ran, whatever came of it. */
const ran: Reader = (line) =>
  [...line.matchAll(/\b(\d{1,9}) (?:passed|failed|passing|failing|errors?)\b/g)].reduce(
    (all, [, digits]) => all + Number(digits),
    0,
  );

/** pytest: `==== 3 passed, 1 failed in 0.10s ====`, without the signs when it is quiet. */
const pytest: Reader = (line) => {
  const [counts = '', time = ''] = line.replace(/^=+/, '').trimStart().split(' in ', 2);
  if (time === '') return undefined;
  const isSum = /^[\d.]{1,20}s/.test(time) && counts.split(', ').every((one) => /^\d{1,9} \w+$/.test(one));
  return isSum ? ran(counts) : undefined;
};

interface Runner {
  /** Several such lines are several runs. */
  readonly counts: Reader;
  /** What another line adds to that. */
  readonly adds?: Reader;
}

/** By the line that sums a run up. */
const RUNNERS: readonly Runner[] = [
  // node --test, in both of its forms: skipped ones and those still to do are counted among its tests.
  { counts: found(/^(?:#|ℹ) pass (\d{1,9})$/), adds: found(/^(?:#|ℹ) fail (\d{1,9})$/) },
  // vitest: `Tests  1 failed | 3 passed (4)`; jest: `Tests:       1 failed, 3 passed, 4 total`
  { counts: isLike(/^\s*Tests:? +\d{1,9} \w/, ran) },
  { counts: pytest },
  // python's unittest
  {
    counts: found(/^Ran (\d{1,9}) tests? in /),
    adds: (line) => -(found(/^OK \(.*?skipped=(\d{1,9})/)(line) ?? 0),
  },
  // mocha: `3 passing (5ms)` and `1 failing`
  { counts: isLike(/^\s+\d{1,9} (?:passing|failing)\b/, ran) },
  // cargo: `test result: ok. 3 passed; 0 failed; 1 ignored; …`
  { counts: isLike(/^test result: /, ran) },
  // go test -v
  { counts: isLike(/^\s*--- (?:PASS|FAIL): /, () => 1) },
  // Any other that prints TAP
  { counts: isLike(/^(?:not )?ok \d{1,9}\b(?!.*# (?:skip|todo))/i, () => 1) },
];

const testsIn = (lines: readonly string[], { counts, adds }: Runner): number | undefined => {
  let sum: number | undefined;
  let added = 0;
  for (const line of lines) {
    const count = counts(line);
    if (count !== undefined) sum = (sum ?? 0) + count;
    else added += adds?.(line) ?? 0;
  }
  return sum === undefined ? undefined : sum + added;
};

/** What sums a run up stands at the start of a line. */
const MAX_LINE_CHARACTERS = 1000;

/** How many tests ran, when the output of a known runner says so. What it says is the word of what it ran. */
export const testsRun = (output: string): number | undefined => {
  // Colours and bells of a terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with a control character.
  const log = output.replace(/\u001b\[[\d;]*[A-Za-z]/g, '').replaceAll('\r', '');
  const lines = log.split('\n').flatMap((line) => (line === '' ? [] : line.slice(0, MAX_LINE_CHARACTERS)));
  for (const runner of RUNNERS) {
    const count = testsIn(lines, runner);
    if (count !== undefined) return count;
  }
  return undefined;
};
