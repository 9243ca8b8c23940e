/** How many tests a runner says it ran, in what it printed. */
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
