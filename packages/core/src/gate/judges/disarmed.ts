/**
 * What the run with altered tests shows (ADR 36): with the target's tests altered so that they must fail, a
 * command that passes, or a test that passes by its name, is disarmed if it fails in the same run on the
 * target. Where it passes there as well, the alteration says nothing.
 */
import { type Evidence, isGreen, type Weakening } from '@berth/contract';
import type { PlannedCommand } from '../plan/plan.ts';

export interface AlteredRuns {
  /** Of the merge, judged by its target. */
  readonly evidence: readonly Evidence[];
  /** Of the merge with altered tests. */
  readonly altered: readonly Evidence[];
  /** Of the target. */
  readonly baseline: readonly Evidence[];
}

/** By name, commands that check something other than what tests assert. */
const CHECKS_OTHERWISE =
  /^(?:[a-z]+-)?(?:lint|format|fmt|style|types?|tsc|typecheck|type-check|build|compile|clippy|vet|audit)$/;
const MAY_TEST = /test|spec|check|verify/i;

/** Whether a command of a green gate may run tests. In doubt it does. */
export const mayRunTests = (
  { name, repository, run }: Pick<PlannedCommand, 'name' | 'repository' | 'run'>,
  evidence: readonly Evidence[],
): boolean => {
  const own = evidence.find((one) => one.name === name && one.repository === repository);
  return own?.tests !== undefined || !CHECKS_OTHERWISE.test(name) || MAY_TEST.test(run);
};

const isOf = (one: Evidence, other: Evidence): boolean =>
  one.name === other.name && one.repository === other.repository;

/** Whether anything passes that must fail, so that the same run on the target has to tell. */
export const isSuspect = ({ evidence, altered }: Omit<AlteredRuns, 'baseline'>): boolean =>
  altered.some((one) => isTest(one, evidence) && (isGreen(one) || stillPassing(one, evidence).length > 0));

const isTest = (one: Evidence, evidence: readonly Evidence[]): boolean =>
  mayRunTests({ name: one.name, repository: one.repository, run: one.command }, evidence);

/** Names of tests that pass with and without the alteration. */
const stillPassing = (one: Evidence, evidence: readonly Evidence[]): string[] => {
  const before = new Set(evidence.find((other) => isOf(one, other))?.testsPassed);
  return (one.testsPassed ?? []).filter((test) => before.has(test));
};

/** `target`: the evidence of the target with altered tests. */
export const disarmedBy = (runs: AlteredRuns, target: readonly Evidence[]): Weakening[] =>
  runs.altered.flatMap((one) => {
    const there = target.find((other) => isOf(one, other));
    if (there === undefined || !isTest(one, runs.evidence)) return [];
    const disarmed = (detail: string): Weakening[] => [
      { kind: 'tests_disarmed', repository: one.repository, subject: one.name, detail },
    ];
    if (isGreen(one) && !isGreen(there) && isComparable(one, runs))
      return disarmed(
        `\`${one.command.slice(0, SHOWN_CHARACTERS)}\` passes with tests that were altered to fail; on the target ${endOf(there)}`,
      );
    const [first, ...more] = failingOnlyThere(one, there, runs);
    if (first === undefined) return [];
    const others = more.length === 0 ? '' : ` and ${more.length} more`;
    return disarmed(`\`${first}\`${others} passes although it was altered to fail; on the target it fails`);
  });

/**
 * A target that is red anyway fails with altered tests, too, whatever they say. Then only a command that counts
 * or names tests is known to run them.
 */
const isComparable = (one: Evidence, { evidence, baseline }: AlteredRuns): boolean => {
  const before = baseline.find((other) => isOf(one, other));
  const own = evidence.find((other) => isOf(one, other));
  const printsTests = own?.tests !== undefined || own?.testsPassed !== undefined;
  return printsTests || (before !== undefined && isGreen(before));
};

const SHOWN_CHARACTERS = 200;

const endOf = ({ timedOut, outOfMemory }: Evidence): string => {
  if (timedOut) return 'that run did not end in time';
  return outOfMemory ? 'that run ran out of memory' : 'it fails';
};

/** Compared only if all tests of the target ran: a runner may stop at its first failure. */
const failingOnlyThere = (one: Evidence, there: Evidence, runs: AlteredRuns): string[] => {
  const known = runs.baseline.find((other) => isOf(one, other));
  if (known?.testsPassed === undefined || there.tests === undefined || there.tests !== known.tests) return [];
  const passing = new Set(there.testsPassed);
  const wanted = new Set(known.testsPassed.filter((test) => !passing.has(test)));
  return stillPassing(one, runs.evidence).filter((test) => wanted.has(test));
};
