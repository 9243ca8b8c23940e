/** What a change weakens, as far as only the gate's runs can tell; beside `judges.ts`, which reads files. */
import { type Evidence, isGreen, type Weakening } from '@berth/contract';
import type { PlannedCommand } from '../plan/plan.ts';

/** Commands of the target that are not found in the change any more. */
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
 * What the runs show: fewer tests than the target runs, or checks of the target that fail where those of the change
 * pass. Tests of a command are compared where both runs say how many there were.
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
    // A change may name its own tests as it likes; here those of the target ran.
    ...byTarget.flatMap((one) => missingTests(one, baseline)),
    ...evidence.flatMap((one) => failedUnsaid(one, baseline)),
  ];
};

/** Where the target cannot be set up, nothing says what its checks would: who lands there is not held to them. */
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

/** Tests of the target's files that passed there and are not among those that passed here. */
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

/** A runner that says that tests failed, and ends as a success. */
const failedUnsaid = (one: Evidence, baseline: readonly Evidence[]): Weakening[] => {
  const { name: subject, repository, testsFailed: failed = 0 } = one;
  const before = baseline.find((other) => isOf(one, other))?.testsFailed ?? 0;
  if (!isGreen(one) || failed <= before) return [];
  const detail = `it says that ${failed} of its tests failed, and ends as a success`;
  return [{ kind: 'target_red', repository, subject, detail }];
};

/** What decides whether work passes: everything that runs, but of the target's own checks only where nothing else ran. */
export const deciding = (evidence: readonly Evidence[]): readonly Evidence[] => {
  const byChange = evidence.filter(({ judgedBy }) => judgedBy === 'change');
  return byChange.length > 0 ? byChange : evidence;
};

/** Of one repository and landing; whoever draws them shows fewer. */
const MAX_LISTED = 500;
const MAX_LISTED_CHARACTERS = 100_000;
const CUT = 'see the diff';

type Found = Omit<Weakening, 'repository'>;

/** What is too much to be kept is one line, which no earlier yes covers. */
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

/** Whether everything that is weakened now was agreed to before, by name. */
export const isAgreedTo = (now: readonly Weakening[], agreed: readonly Weakening[]): boolean => {
  const known = new Set(agreed.map((one) => JSON.stringify(one)));
  return now.every((one) => one.detail !== CUT && known.has(JSON.stringify(one)));
};
