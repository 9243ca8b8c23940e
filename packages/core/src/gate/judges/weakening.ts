/** Weakenings that only the gate's runs can show; `judges.ts` compares the files. */
import { type Evidence, hasVerdict, isGreen, type Weakening } from '@berth/contract';
import type { PlannedCommand } from '../plan/plan.ts';

/** Commands of the target that are missing in the change. */
export const removedCommands = (
  target: readonly PlannedCommand[],
  change: readonly PlannedCommand[],
): Weakening[] =>
  target.flatMap(({ name, repository, run }) =>
    change.some((one) => one.name === name && one.repository === repository)
      ? []
      : [{ kind: 'command_removed', repository, subject: name, detail: `\`${run}\` is not found any more` }],
  );

/**
 * Weakenings that show in the runs: fewer tests than in the target, or the target's checks failing where
 * those of the change pass. Test counts of a command are compared if both runs report them.
 */
export const weakenedBy = (evidence: readonly Evidence[], baseline: readonly Evidence[]): Weakening[] => {
  const byTarget = evidence.filter(({ judgedBy }) => judgedBy === 'target');
  const byChange = evidence.filter(({ judgedBy }) => judgedBy === 'change');
  const own = byChange.length > 0 ? byChange : byTarget;
  const red = byTarget.filter((one) => byChange.length > 0 && !isGreen(one));
  return [
    ...red.map(({ name, repository }) => ({
      kind: 'target_red' as const,
      repository,
      subject: name,
      detail: 'it fails with the scripts, configuration and tests of the target',
    })),
    ...own.flatMap((one) => fewerTests(one, [...baseline, ...byTarget])),
    // A change may name its own tests freely; these are the runs with the target's tests.
    ...byTarget.flatMap((one) => missingTests(one, baseline)),
    ...evidence.flatMap((one) => failedUnsaid(one, baseline)),
    ...byTarget.flatMap((one) => notKnown(one, baseline)),
  ];
};

/** The text of the change took too long to read, so it may do anything to its judges. */
export const notCompared = (repository: string): Weakening => ({
  kind: 'configuration_changed',
  repository,
  subject: 'the whole change',
  detail: 'it took too long to compare it with its target; look for files of an unusual form',
});

/** If the target's set-up fails, the result of its checks is unknown, and the landing is not held to them. */
export const setupRed = (repository: string, command: string, how: string): Weakening => ({
  kind: 'target_red',
  repository,
  subject: command,
  detail: `the set-up of the target fails: ${how}`,
});

const fewerTests = ({ name, repository, tests }: Evidence, others: readonly Evidence[]): Weakening[] => {
  const counts = others.flatMap((one) =>
    one.name === name && one.repository === repository && one.tests !== undefined ? [one.tests] : [],
  );
  const most = Math.max(...counts);
  if (counts.length === 0 || (tests ?? 0) >= most) return [];
  const detail = `${most} → ${tests ?? 'an unknown number of'} tests`;
  return [{ kind: 'tests_fewer', repository, subject: name, detail }];
};

const isOf = (one: Evidence, other: Evidence): boolean =>
  one.name === other.name && one.repository === other.repository;

/** Tests from the target's files that passed in the target but are not among those that passed here. */
const missingTests = (one: Evidence, baseline: readonly Evidence[]): Weakening[] => {
  const { name: subject, repository } = one;
  const wanted = baseline.find((other) => isOf(one, other))?.testsPassed;
  if (wanted === undefined || !isGreen(one)) return [];
  const fewer = (detail: string): Weakening[] => [{ kind: 'tests_fewer', repository, subject, detail }];
  if (one.testsPassed === undefined) return fewer('it names none of its tests, as it does in the target');
  const passed = new Set(one.testsPassed);
  const [first, ...more] = wanted.filter((test) => !passed.has(test));
  if (first === undefined) return [];
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return fewer(`\`${first}\`${others} passed in the target, and did not run here`);
};

/** Tests that could be compared, if the target's own run had come to a verdict. */
const notKnown = (one: Evidence, baseline: readonly Evidence[]): Weakening[] => {
  const before = baseline.find((other) => isOf(one, other));
  const isCompared = one.tests !== undefined || one.testsPassed !== undefined;
  if (before === undefined || hasVerdict(before) || !isCompared || !isGreen(one)) return [];
  const detail = 'the result of the target is not known: its own run was ended before it had one';
  return [{ kind: 'target_unknown', repository: one.repository, subject: one.name, detail }];
};

/** A runner that reports failed tests but exits successfully. */
const failedUnsaid = (one: Evidence, baseline: readonly Evidence[]): Weakening[] => {
  const { name: subject, repository, testsFailed: failed = 0 } = one;
  const before = baseline.find((other) => isOf(one, other))?.testsFailed ?? 0;
  if (!isGreen(one) || failed <= before) return [];
  const detail = `it says that ${failed} of its tests failed, and ends as a success`;
  return [{ kind: 'target_red', repository, subject, detail }];
};

/** The evidence that decides whether work passes: that of the change's checks, or all of it if there is none. */
export const deciding = (evidence: readonly Evidence[]): readonly Evidence[] => {
  const byChange = evidence.filter(({ judgedBy }) => judgedBy === 'change');
  return byChange.length > 0 ? byChange : evidence;
};

/** Per repository and landing; user interfaces show fewer. */
const MAX_LISTED = 500;
const MAX_LISTED_CHARACTERS = 100_000;
const CUT = 'see the diff';

type Found = Omit<Weakening, 'repository'>;

/** The excess is reduced to one line, which no earlier approval covers. */
export const listed = (found: readonly Found[]): Found[] => {
  const kept: Found[] = [];
  let characters = 0;
  for (const one of found.slice(0, MAX_LISTED)) {
    characters += one.subject.length + one.detail.length;
    if (characters > MAX_LISTED_CHARACTERS) break;
    kept.push(one);
  }
  const first = found[kept.length];
  if (first === undefined) return kept;
  return [...kept, { kind: first.kind, subject: `and ${found.length - kept.length} more`, detail: CUT }];
};

/** Whether everything weakened now has been approved before, item by item. */
export const isAgreedTo = (now: readonly Weakening[], agreed: readonly Weakening[]): boolean => {
  const known = new Set(agreed.map((one) => JSON.stringify(one)));
  return now.every((one) => one.detail !== CUT && known.has(JSON.stringify(one)));
};
