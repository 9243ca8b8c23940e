/** Known flaws in versions of programs that Berth starts, including distribution backports. */

export interface ProgramVersion {
  /** Version numbering of upstream. */
  readonly version: string;
  /** The package it came in, when the distribution's package manager knows. */
  readonly packaged?: { readonly distribution: string; readonly version: string } | undefined;
}

export interface Flaw {
  readonly name: string;
  /** The consequence in Berth. */
  readonly what: string;
  /** The first affected versions, when it was not always present. */
  readonly since?: string | undefined;
  /** The first fixed version of each patched branch; from the highest on all are fixed. */
  readonly fixed: readonly string[];
  /** How many of the numbers identify a branch; 2 when absent. */
  readonly branchNumbers?: 1 | 2 | undefined;
  /** Packages patched by a distribution under an old version: `debian 12` and the first fixed package. */
  readonly packages?: Readonly<Record<string, string>> | undefined;
  /** A sandbox escape that Berth cannot close: the program is not used. */
  readonly isEscape?: boolean | undefined;
}

export const flawsIn = (flaws: readonly Flaw[], found: ProgramVersion): Flaw[] =>
  flaws.filter((flaw) => !isMended(flaw, found));

const isMended = (
  { since, fixed, packages = {}, branchNumbers = 2 }: Flaw,
  { version, packaged }: ProgramVersion,
): boolean => {
  const branchOf = (of: string): string => numbersOf(of).slice(0, branchNumbers).join('.');
  if (since !== undefined && compareVersions(version, since) < 0) return true;
  const mended = packaged === undefined ? undefined : packages[packaged.distribution];
  if (packaged !== undefined && mended !== undefined && comparePackages(packaged.version, mended) >= 0)
    return true;
  const branch = fixed.find((one) => branchOf(one) === branchOf(version));
  return branch === undefined
    ? fixed.every((one) => compareVersions(version, one) > 0)
    : compareVersions(version, branch) >= 0;
};

/** Suffixes (`+ds1`, `-rc.1`) are ignored. */
const numbersOf = (version: string): number[] =>
  (/^\d+(\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);

export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};

/** Compares Debian package versions, as in deb-version(7). */
export const comparePackages = (a: string, b: string): number => {
  const [left, right] = [partsOf(a), partsOf(b)];
  const byEpoch = left.epoch - right.epoch;
  if (byEpoch !== 0) return byEpoch;
  return compareText(left.upstream, right.upstream) || compareText(left.revision, right.revision);
};

const partsOf = (version: string) => {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/s.exec(version) ?? [];
  const dash = rest.lastIndexOf('-');
  return dash === -1
    ? { epoch: Number(epoch), upstream: rest, revision: '' }
    : { epoch: Number(epoch), upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
};

/** Alternating non-digit parts, compared by letter, and numbers. */
const compareText = (a: string, b: string): number => {
  const [left, right] = [splitText(a), splitText(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [leftPart = '', rightPart = ''] = [left[index], right[index]];
    const difference =
      index % 2 === 0 ? compareLetters(leftPart, rightPart) : Number(leftPart) - Number(rightPart);
    if (difference !== 0) return difference;
  }
  return 0;
};

const splitText = (text: string): string[] => text.split(/(\d+)/);

const compareLetters = (a: string, b: string): number => {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = weightOf(a[index]) - weightOf(b[index]);
    if (difference !== 0) return difference;
  }
  return 0;
};

/** A tilde sorts before the end, letters before everything else. */
const weightOf = (letter: string | undefined): number => {
  if (letter === '~') return -1;
  if (letter === undefined) return 0;
  return /[A-Za-z]/.test(letter) ? letter.charCodeAt(0) : letter.charCodeAt(0) + 256;
};
