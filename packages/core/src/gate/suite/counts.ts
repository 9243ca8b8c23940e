/** How many tests a runner reports in its output. */
/** The number of tests reported by one line; undefined if the line is not a summary. */
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

/** `3 passed, 1 failed`: everything that ran, whatever the result. */
const ran: Reader = (line) =>
  [...line.matchAll(/\b(\d{1,9}) (?:passed|failed|passing|failing|errors?)\b/g)].reduce(
    (all, [, digits]) => all + Number(digits),
    0,
  );

/** pytest: `==== 3 passed, 1 failed in 0.10s ====`, without the signs in quiet mode. */
const pytest: Reader = (line) => {
  const [counts = '', time = ''] = line.replace(/^=+/, '').trimStart().split(' in ', 2);
  if (time === '') return undefined;
  const isSum = /^[\d.]{1,20}s/.test(time) && counts.split(', ').every((one) => /^\d{1,9} \w+$/.test(one));
  return isSum ? ran(counts) : undefined;
};

/**
 * The first pattern captures the number of tests, and the second, if it matches, how many of them did not
 * run.
 */
const less =
  (all: RegExp, not: RegExp): Reader =>
  (line) => {
    const count = found(all)(line);
    return count === undefined ? undefined : count - (found(not)(line) ?? 0);
  };

interface Runner {
  /** Several such lines come from several runs. */
  readonly counts: Reader;
  /** What another line adds to the count. */
  readonly adds?: Reader;
  /** The runner reports subtotals first and the total last. */
  readonly isLast?: boolean;
}

/** By the runner's summary line. */
const RUNNERS: readonly Runner[] = [
  // node --test, in its variants, and tape; their test totals include skipped and todo tests.
  {
    counts: found(/^\s*(?:#|ℹ|<!--) pass {1,4}(\d{1,9})(?: -->)?$/),
    adds: found(/^\s*(?:#|ℹ|<!--) fail {1,4}(\d{1,9})/),
  },
  // vitest: `Tests  1 failed | 3 passed (4)`; jest: `Tests:       1 failed, 3 passed, 4 total`
  { counts: isLike(/^\s*Tests:? +\d{1,9} \w/, ran) },
  // both as JSON
  { counts: found(/"numPassedTests": ?(\d{1,9})/), adds: found(/"numFailedTests": ?(\d{1,9})/) },
  { counts: pytest },
  // Python's unittest, and Clojure
  {
    counts: found(/^Ran (\d{1,9}) tests? (?:in |containing )/),
    adds: (line) => -(found(/^OK \(.*?skipped=(\d{1,9})/)(line) ?? 0),
  },
  // Bun
  { counts: found(/^ (\d{1,9}) pass$/), adds: found(/^ (\d{1,9}) fail$/) },
  // mocha: `3 passing (5ms)` and `1 failing`
  { counts: isLike(/^\s+\d{1,9} (?:passing|failing)\b/, ran) },
  // cargo: `test result: ok. 3 passed; 0 failed; 1 ignored; …`
  { counts: isLike(/^test result: /, ran) },
  // cargo nextest: `Summary [ 0.05s] 3 tests run: 3 passed, 1 skipped`
  { counts: found(/^\s*Summary \[[^\]]{0,40}\] (\d{1,9})(?:\/\d{1,9})? tests? run/) },
  // go test -v, go test -json, gotestsum, Ginkgo
  { counts: isLike(/^\s*--- (?:PASS|FAIL): /, () => 1) },
  { counts: isLike(/^\{.*"Action":"(?:pass|fail)".*"Test":"/, () => 1) },
  { counts: less(/^DONE (\d{1,9}) tests?/, /(\d{1,9}) skipped/) },
  { counts: found(/^Ran (\d{1,9}) of \d{1,9} Specs/) },
  // Deno: `ok | 3 passed | 0 failed (5ms)`
  { counts: isLike(/^(?:ok|FAILED) \| \d{1,9} passed/, ran) },
  // PHPUnit: `OK (3 tests, 5 assertions)`, or `Tests: 3, Assertions: 5, Skipped: 1.`
  { counts: found(/^OK \((\d{1,9}) tests?,/) },
  { counts: less(/^Tests: (\d{1,9}), Assertions/, /(?:Skipped|Incomplete): (\d{1,9})/) },
  // Pest: `Tests: 3 passed (5 assertions)`, matched as vitest.
  // RSpec, hspec: `3 examples, 0 failures, 1 pending`
  { counts: less(/^(\d{1,9}) examples?, \d{1,9} failures?/, /(\d{1,9}) pending/) },
  // Minitest, Test::Unit: `3 runs, 5 assertions, 0 failures, 0 errors, 1 skips`
  { counts: less(/^(\d{1,9}) (?:runs|tests), \d{1,9} assertions/, /(\d{1,9}) (?:skips|omissions)/) },
  // ExUnit: `1 doctest, 3 tests, 0 failures, 1 skipped`; bats with its pretty formatter; Robot
  {
    counts: less(
      /^(?:\d{1,9} doctests?, )?(\d{1,9}) tests?, \d{1,9} (?:failures?|passed)/,
      /(\d{1,9}) skipped/,
    ),
  },
  // .NET: `Passed!  - Failed: 0, Passed: 3, Skipped: 1, Total: 4, …`, or `Test summary: total: 4, …, skipped: 1`
  { counts: less(/^(?:Passed|Failed)! .*\bTotal: +(\d{1,9})/, /\bSkipped: +(\d{1,9})/) },
  { counts: less(/^Test summary: total: (\d{1,9})/, /\bskipped: (\d{1,9})/) },
  // Maven prints it per class, with the time, and per module, without.
  { counts: less(/^(?:\[\w+\] )?Tests run: (\d{1,9})(?!.*Time elapsed)/, /Skipped: (\d{1,9})/) },
  // Gradle, if a test fails.
  { counts: less(/^(\d{1,9}) tests? completed/, /(\d{1,9}) skipped/) },
  // ctest, Bazel, Meson
  { counts: found(/tests failed out of (\d{1,9})/) },
  { counts: found(/^Executed \d{1,9} out of (\d{1,9}) tests?:/) },
  { counts: found(/^Ok: +(\d{1,9})/), adds: found(/^Fail: +(\d{1,9})/) },
  // GoogleTest, Catch2, doctest
  {
    counts: found(/^\[=+\] (\d{1,9}) tests? from .* ran\b/),
    adds: (line) => -(found(/^\[ +SKIPPED +\] (\d{1,9}) tests?,/)(line) ?? 0),
  },
  { counts: found(/^All tests passed \(\d{1,9} assertions? in (\d{1,9}) test/) },
  { counts: found(/^(?:\[doctest\] )?test cases: +(\d{1,9}) \|/) },
  // sbt, ScalaTest
  { counts: found(/Passed: Total (\d{1,9}),/) },
  { counts: found(/Tests: succeeded (\d{1,9}),/), adds: found(/Tests: succeeded \d{1,9}, failed (\d{1,9})/) },
  // XCTest and Swift Testing
  { counts: found(/^\s*Executed (\d{1,9}) tests?, with/), isLast: true },
  { counts: found(/Test run with (\d{1,9}) tests?/) },
  // Dart: `00:01 +3 ~1: All tests passed!`
  { counts: found(/^\d\d:\d\d \+(\d{1,9})(?: [~-]\d{1,9})*: /), isLast: true },
  // prove, ava, Jasmine, Karma, uvu, Playwright, Cucumber, busted, Zig, tasty
  { counts: found(/^Files=\d{1,9}, Tests=(\d{1,9}),/) },
  { counts: found(/^\s*(\d{1,9}) tests? passed$/), adds: found(/^\s*(\d{1,9}) tests? failed$/) },
  { counts: less(/^(\d{1,9}) specs?, \d{1,9} failures?/, /(\d{1,9}) pending/) },
  { counts: found(/Executed (\d{1,9}) of \d{1,9}\b/), isLast: true },
  {
    counts: found(/^\s*Total: +(\d{1,9})$/),
    adds: (line) => -(found(/^\s*Skipped: +(\d{1,9})$/)(line) ?? 0),
  },
  { counts: found(/^\s+(\d{1,9}) passed \(/), adds: found(/^\s+(\d{1,9}) failed$/) },
  { counts: isLike(/^\d{1,9} scenarios? \(/, ran) },
  { counts: found(/^(\d{1,9}) success(?:es)? \//), adds: found(/\/ (\d{1,9}) failures? \//) },
  { counts: found(/^All (\d{1,9}) tests passed/) },
  // JUnit XML
  { counts: less(/^\s*<testsuites\b.*\btests="(\d{1,9})"/, /\bskipped="(\d{1,9})"/) },
  { counts: less(/^\s*<testsuite\b.*\btests="(\d{1,9})"/, /\bskipped="(\d{1,9})"/) },
  // Anything else that prints TAP
  { counts: isLike(/^(?:not )?ok \d{1,9}\b(?!.*# (?:skip|todo))/i, () => 1) },
];

const testsIn = (lines: readonly string[], { counts, adds, isLast }: Runner): number | undefined => {
  let sum: number | undefined;
  let added = 0;
  for (const line of lines) {
    const count = counts(line);
    if (count !== undefined) sum = isLast === true ? count : (sum ?? 0) + count;
    added += adds?.(line) ?? 0;
  }
  return sum === undefined ? undefined : sum + added;
};

/** Summaries are at the start of a line. */
const MAX_LINE_CHARACTERS = 1000;

/** Lines with content, without terminal colours and bells. */
export const linesOf = (output: string): string[] => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with a control character.
  const log = output.replace(/\u001b\[[\d;]*[A-Za-z]/g, '').replaceAll('\r', '');
  return log.split('\n').flatMap((line) => (line === '' ? [] : line.slice(0, MAX_LINE_CHARACTERS)));
};

/**
 * The number of tests that ran, if the output of a known runner reports it. The output is only as trustworthy
 * as the code that ran.
 */
export const testsRun = (output: string): number | undefined => {
  const lines = linesOf(output);
  for (const runner of RUNNERS) {
    const count = testsIn(lines, runner);
    if (count !== undefined) return count;
  }
  return undefined;
};
