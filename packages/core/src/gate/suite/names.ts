/**
 * What a runner prints about individual tests: the names of those that passed, and how many failed. The
 * output is only as trustworthy as the code that ran.
 */
import { linesOf } from './counts.ts';

interface Naming {
  readonly passed: RegExp;
  /** Used only if the output has such a line, because `passed` alone is ambiguous. */
  readonly only?: RegExp;
  /** The number of tests reported on one line. */
  readonly count?: RegExp;
  readonly less?: RegExp;
}

/**
 * By the line that reports a passed test. For runners that name individual tests only in some modes (jest,
 * vitest), files stand for tests. Cargo is absent: its tests may be inside the product, which can name them
 * freely.
 */
const NAMINGS: readonly Naming[] = [
  // node --test; TAP, as of node, tape and bats; mocha
  { passed: /^\s*✔ (.+) \(\d[\d.]*ms\)$/, only: /^ℹ pass / },
  { passed: /^\s*ok \d{1,9} (?:- )?(?!.*# (?:skip|todo))(.+)$/i, only: /^(?:1\.\.\d|# pass )/ },
  { passed: /^\s+[✔✓] (.+?)(?: \(\d{1,9}ms\))?$/, only: /^\s+\d{1,9} passing\b/ },
  // vitest, by file, and by test if configured; jest
  { passed: /^\s*✓ (.+) \(\d{1,9} tests?\b/, count: /\((\d{1,9}) tests?\b/, less: /\| (\d{1,9}) skipped/ },
  { passed: /^\s*✓ (.*\S\.\w+ > .+?)(?: \d{1,9}ms)?$/ },
  { passed: /^PASS (.+?)(?: \([\d.]{1,20} m?s\))?$/ },
  { passed: /^\s*--- PASS: (\S+) / },
  { passed: /^\{.*"Action":"pass".*"Test":"([^"]+)"/ },
  // pytest, with `-rp` or `-v`
  { passed: /^PASSED (\S+::.+)$/ },
  { passed: /^(?=\S+::)(.+) PASSED(?=\s|$)/ },
  // Python's unittest, with `-v`
  { passed: /^(?!test [^(])(.+?) \.\.\. ok$/, only: /^Ran \d{1,9} tests? in / },
  { passed: /^(.+?) \.\.\. ok \(\d{1,9}m?s\)$/, only: /^ok \| \d{1,9} passed/ },
  { passed: /^(?:✓|\(pass\)) (.+?)(?: \[[\d.]+ms\])?$/, only: /^ \d{1,9} pass$/ },
  { passed: /^\[ {1,9}OK \] (\S+)/ },
  { passed: /^\s*\d{1,9}\/\d{1,9} Test\s+#\d{1,9}: (\S+) \.* +Passed\b/ },
  // JUnit XML with one line per test
  { passed: /^\s*<testcase\b.*?\bname="([^"]*)".*\/>$/ },
];

/** Beyond this, only the number is compared. */
const MAX_NAMES = 5000;
const MAX_NAMES_CHARACTERS = 128 * 1024;
const MAX_NAME_CHARACTERS = 160;

/**
 * The names of the tests that passed, repeated ones numbered; undefined if there are none or too many.
 * Numbers and locations in a name may differ between runs, so they are ignored.
 */
export const testsPassed = (output: string): string[] | undefined => {
  const lines = linesOf(output);
  const counts = new Map<string, number>();
  const names: string[] = [];
  let characters = 0;
  for (const name of namesIn(lines)) {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    names.push(count === 1 ? name : `${name} (${count})`);
    characters += name.length;
    if (names.length > MAX_NAMES || characters > MAX_NAMES_CHARACTERS) return undefined;
  }
  return names.length === 0 ? undefined : names;
};

function* namesIn(lines: readonly string[]): Generator<string> {
  for (const naming of NAMINGS) {
    const { passed, only } = naming;
    if (only !== undefined && !lines.some((line) => only.test(line))) continue;
    for (const line of lines) {
      const name = passed.exec(line)?.[1];
      if (name === undefined) continue;
      for (let left = countIn(line, naming); left > 0; left -= 1) yield plainName(name);
    }
  }
}

const countIn = (line: string, { count, less }: Naming): number =>
  Math.min(MAX_NAMES + 1, Number(count?.exec(line)?.[1] ?? 1) - Number(less?.exec(line)?.[1] ?? 0));

const plainName = (name: string): string =>
  name
    .slice(0, MAX_NAME_CHARACTERS)
    .replace(/\/tmp\/\S+/g, '#')
    .replace(/\b[0-9a-f]{8,}\b/gi, '#')
    .replace(/\d+/g, '#')
    .trim();

/** By the lines that report failures; all matches are added up, and a line without a number counts as one. */
const FAILINGS: readonly RegExp[] = [
  /^\s*(?:#|ℹ|<!--) fail {1,4}(\d{1,9})/,
  /^\s*Tests:? (?:.*\D)?(\d{1,9}) failed\b/,
  /^\s*Test (?:Files|Suites):? (?:.*\D)?(\d{1,9}) failed\b/,
  /"numFailedTests": ?(\d{1,9})/,
  // pytest, Deno, cargo, Gradle, Playwright
  /^(?:.*\D)?(\d{1,9}) (?:failed|errors?)\b.* in \d/,
  /^FAILED \|.*?(\d{1,9}) failed/,
  /^test result: FAILED.*?(\d{1,9}) failed/,
  /^\d{1,9} tests? completed, (\d{1,9}) failed/,
  /^\s+(\d{1,9}) fail(?:ed|ing)?(?: \(.*\))?$/,
  // Python's unittest: a number for each kind of failure
  /^FAILED \((?:.*\D)?failures=(\d{1,9})/,
  /^FAILED \((?:.*\D)?errors=(\d{1,9})/,
  /^\s*--- FAIL: ()/,
  /^\{.*"Action":"fail".*"Test":()/,
  /^(?:\d{1,9} runs|\d{1,9} examples?|\d{1,9} tests?|\d{1,9} specs?)\b.*?\D(\d{1,9}) failures?\b/,
  /^\d{1,9} runs\b.*?\D(\d{1,9}) errors\b/,
  /^Tests: \d{1,9}, .*?Failures: (\d{1,9})/,
  /^Tests: \d{1,9}, .*?Errors: (\d{1,9})/,
  /^Failed! .*?Failed: +(\d{1,9})/,
  /^(?:\[\w+\] )?Tests run: \d{1,9}, Failures: (\d{1,9})/,
  /^(?:\[\w+\] )?Tests run: .*?Errors: (\d{1,9})/,
  /(\d{1,9}) tests? failed out of/,
  /^\[ {1,9}FAILED {1,9}\] (\d{1,9}) tests?/,
  /^not ok \d{1,9}\b(?!.*# (?:skip|todo))()/i,
];

/** How many tests failed according to the output: the highest number that any pattern yields. */
export const testsFailed = (output: string): number => {
  const lines = linesOf(output);
  const sums = FAILINGS.map((pattern) =>
    lines.reduce((sum, line) => {
      const digits = pattern.exec(line)?.[1];
      return sum + (digits === undefined ? 0 : Number(digits === '' ? 1 : digits));
    }, 0),
  );
  return Math.max(0, ...sums);
};
