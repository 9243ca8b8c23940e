/** How many tests there are: in the text of a test file, and in what a test runner printed. */

export interface TestMeasure {
  readonly cases: number;
  readonly assertions: number;
  readonly skipped: number;
  /** Calls that end the program. */
  readonly ends: number;
}

const CASES =
  /\b(?:it|test|describe|specify|scenario)(?:\.\w+)*\s*\(|\bdef\s+test\w*|\bfunc\s+(?:Test|Fuzz)\w*|#\[(?:\w+::)?test|@Test\b/g;
const ASSERTIONS =
  /\b(?:assert|expect|should|require|t)\b(?:\.\w+)*\s*[(!]|\bassert\w*[ !(]|\.should\b|\bt\.(?:Error|Fatal|is|deepEqual|throws|ok|equal|true|false)\w*\s*\(/g;
const SKIPPED = new RegExp(
  [
    String.raw`\b(?:it|test|describe|suite|context|specify|scenario|bench|t|this)(?:\.\w+)*(?:\.|\[["'])(?:skip|only|todo|fails|failing|fixme|skipIf|runIf)\b`,
    String.raw`\bx(?:it|test|describe|context|specify|scenario)\b|\bf(?:it|describe|context)\s*\(|\bpending\s*\(`,
    String.raw`["']?\b(?:skip|todo|only)["']?\s*:|\bskip\s*\(`,
    String.raw`\bskipTest\b|\bSkipTest\b|@(?:unittest|(?:pytest\.)?mark)\.(?:skip|xfail|expectedFailure)\w*|\bmark\.(?:skip|xfail)\w*`,
    String.raw`\bpytest\.(?:skip|xfail|importorskip)\b|\bcollect_ignore\w*|\b__test__\s*=\s*False`,
    String.raw`\.Skip(?:f|Now)?\(|#!?\[(?:cfg_attr\([^\]]*)?ignore|#!?\[cfg\((?!test\))|@(?:Disabled|Ignore)\b|\bassume(?:That|True|False)\s*\(`,
    String.raw`\[(?:Ignore|Fact\(Skip|Theory\(Skip)|\bmarkTest(?:Skipped|Incomplete)\b|\bXCTSkip|@tag\s+:?skip`,
  ].join('|'),
  'g',
);
/** Comments that a compiler or a runner obeys. */
const OBEYED = /^\s*(?:\/\/go:build|\/\/ \+build|\/\/\s*@ts-nocheck|\/\*\s*@(?:jest|vitest)-environment)/gm;
/** What ends a program before its tests have said anything. */
const ENDED =
  /\b(?:process|sys|os|Deno|Bun|std::process|Runtime\.getRuntime\(\))(?:\.|::)_?(?:exit|Exit|abort|kill|reallyExit)\s*\(|\bprocess\.exitCode\s*=|^\s*exit\b/gm;

/** A rough measure, good for one thing: to see that a file tests less than it did. Comments do not count. */
export const measureTest = (text: string): TestMeasure => {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)(?:\/\/|#(?!\[)).*$/gm, '$1');
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

type Reader = (log: string) => number | undefined;

const sum = (log: string, pattern: RegExp): number | undefined => {
  const found = [...log.matchAll(pattern)].map(([, digits]) => Number(digits));
  return found.length === 0 ? undefined : found.reduce((all, one) => all + one, 0);
};

/** `3 passed, 1 failed`: whatever ran, whatever came of it. */
const ran = (line: string): number => sum(line, /(\d+) (?:passed|failed|passing|failing|errors?)\b/g) ?? 0;
const lines = (log: string, pattern: RegExp): number | undefined => {
  const found = log.match(pattern);
  return found === null ? undefined : found.reduce((all, line) => all + ran(line), 0);
};

/** One per runner, each by the line that sums its run up. A log may hold several runs of one runner. */
const READERS: readonly Reader[] = [
  // node --test, in both of its forms: skipped ones and those still to do are counted among its tests.
  (log) => {
    const passed = sum(log, /^(?:#|ℹ) pass (\d+)$/gm);
    return passed === undefined ? undefined : passed + (sum(log, /^(?:#|ℹ) fail (\d+)$/gm) ?? 0);
  },
  // vitest: `Tests  1 failed | 3 passed (4)`; jest: `Tests:       1 failed, 3 passed, 4 total`
  (log) => lines(log, /^\s*Tests:? +(?:\d+ \w+[ |,]*)+.*$/gm),
  // pytest: `==== 3 passed, 1 failed in 0.10s ====`, without the signs when it is quiet
  (log) => lines(log, /^=*\s*(?:\d+ \w+(?:, )?)+ in [\d.]+s.*$/gm),
  // python's unittest
  (log) => {
    const all = sum(log, /^Ran (\d+) tests? in /gm);
    return all === undefined ? undefined : all - (sum(log, /^OK \(.*?skipped=(\d+)/gm) ?? 0);
  },
  // mocha: `3 passing (5ms)` and `1 failing`
  (log) => lines(log, /^\s+\d+ (?:passing|failing)\b.*$/gm),
  // cargo: `test result: ok. 3 passed; 0 failed; 1 ignored; …`
  (log) => lines(log, /^test result: .*$/gm),
  // go test -v
  (log) => log.match(/^\s*--- (?:PASS|FAIL): /gm)?.length,
  // Any other that prints TAP
  (log) => log.match(/^(?:not )?ok \d+\b(?!.*# (?:skip|todo))/gim)?.length,
];

/** How many tests ran, when the output of a known runner says so. What it says is the word of what it ran. */
export const testsRun = (output: string): number | undefined => {
  // Colours and bells of a terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with a control character.
  const log = output.replace(/\u001b\[[\d;]*[A-Za-z]/g, '').replaceAll('\r', '');
  for (const read of READERS) {
    const count = read(log);
    if (count !== undefined) return count;
  }
  return undefined;
};
