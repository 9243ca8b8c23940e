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
