/**
 * The run that must fail (ADR 36): after a green gate, the target's test commands run once more on the merge,
 * with the target's test files altered so that they must fail. What passes there is compared with the same
 * run on the target. Product code that ends the tests that load it, or disarms their assertions, passes here
 * as well, however it is written.
 */
import type { Evidence, Weakening } from '@berth/contract';
import { disarmedBy, isSuspect, linked, mayRunTests, type PlannedCommand } from '../../gate/index.ts';
import type { Ports } from '../../ports.ts';
import { type AlteredTests, alterable } from './altered-files.ts';
import { type Asker, baselineOf, type Target } from './baseline.ts';
import type { GatePart } from './check-gate.ts';
import { endParts, runParts, setupRedOf } from './gate-parts.ts';
import type { JudgePlan } from './judge-plan.ts';

export interface AlteredRun {
  readonly changeId: string;
  readonly planned: JudgePlan;
  /** Of the merge, judged by its target, which is green. */
  readonly evidence: readonly Evidence[];
  /** Of the target. */
  readonly baseline: readonly Evidence[];
  readonly target: Target;
  /** The key of the step. */
  readonly key: string;
  readonly asker: Asker;
}

export interface AlteredEnd {
  /** Absent if there was nothing to run. */
  readonly altered?: readonly Evidence[] | undefined;
  readonly weakened: readonly Weakening[];
}

/** It never makes a verdict green: it only finds that what is green weakens the gate. */
export const runAltered = async (ports: Ports, run: AlteredRun): Promise<AlteredEnd> => {
  const { planned, target, asker } = run;
  if (planned.altered === undefined) return { weakened: [] };
  const { workspaceId } = target;
  const candidates = { workspaceId, commits: planned.targets, paths: planned.altered };
  const tests = await alterable(ports, candidates, asker.signal);
  if (tests === undefined) return { weakened: [] };
  const found = planned.reused?.altered ?? (await evidenceOf(ports, run, tests));
  const runs = { evidence: run.evidence, altered: found, baseline: run.baseline };
  if (!isSuspect(runs)) return { altered: found, weakened: [] };
  const commands = testing(target.plan.commands, run.evidence);
  const same: Target = { ...target, plan: { ...target.plan, commands }, altered: tests };
  try {
    return { altered: found, weakened: disarmedBy(runs, await baselineOf(ports, same, asker)) };
  } catch (error) {
    // The judgement of the target itself says so.
    if (setupRedOf(error) === undefined) throw error;
    return { altered: found, weakened: [] };
  }
};

/** The commands that run tests, and those whose results they need. */
const testing = (
  commands: readonly PlannedCommand[],
  evidence: readonly Evidence[],
): readonly PlannedCommand[] => {
  const tests = linked(commands).filter(({ command }) => mayRunTests(command, evidence));
  const needed = new Set(tests.flatMap(({ needs }) => needs));
  return commands.filter((command, index) => needed.has(index) || mayRunTests(command, evidence));
};

/** Part of the step's undo. */
export const endAltered = (
  ports: Ports,
  { changeId, planned, key, reason }: Pick<AlteredRun, 'changeId' | 'planned' | 'key'> & { reason: string },
): Promise<void> =>
  endParts(ports, { parts: partsFor(ports, { changeId, planned }), key: alteredKey(key), reason });

const alteredKey = (key: string): string => `${key}/altered`;

const evidenceOf = async (
  ports: Ports,
  run: AlteredRun,
  tests: AlteredTests,
): Promise<readonly Evidence[]> => {
  const { evidence, key, asker } = run;
  const parts = chosen(partsFor(ports, run), evidence).map((part) => ({
    ...part,
    altered: tests,
    commands: part.commands.map((command) => limited(command, evidence)),
  }));
  return (await runParts(ports, { parts, key: alteredKey(key), signal: asker.signal })).evidence;
};

/** The parts that run tests, and those whose results they need, under the numbers that they have now. */
const chosen = (parts: readonly GatePart[], evidence: readonly Evidence[]): GatePart[] => {
  const tests = parts.filter(({ commands }) => commands.some((one) => mayRunTests(one, evidence)));
  const needed = new Set(tests.flatMap(({ needs = [] }) => needs));
  const kept = [...parts.entries()].filter(([index, part]) => needed.has(index) || tests.includes(part));
  const numbers = kept.map(([index]) => index);
  return kept.map(([, part]) =>
    part.needs === undefined ? part : { ...part, needs: part.needs.map((one) => numbers.indexOf(one)) },
  );
};

/** The target's judgement, which is in front of the change's, once more, from the same prepared state in sandboxes of its own. */
const partsFor = (
  ports: Ports,
  { changeId, planned }: Pick<AlteredRun, 'changeId' | 'planned'>,
): GatePart[] =>
  planned.parts
    .filter(({ judgedBy }) => judgedBy === 'target')
    .map((part, index) => ({
      ...part,
      sandbox: { ...part.sandbox, id: ports.ids.from('sandbox', `${changeId}/altered/${index}`) },
    }));

/** A run that must fail may take this many times as long as the green one. */
const TIMES_AS_LONG = 2;
/** What the start of a runner takes on a loaded machine. */
const MIN_TIMEOUT_MS = 30_000;

/** Tests may leave something open when they fail: what does not end has not passed. */
const limited = (command: PlannedCommand, evidence: readonly Evidence[]): PlannedCommand => {
  const { name, repository, timeoutMs } = command;
  const green = evidence.find((one) => one.name === name && one.repository === repository);
  const longest = Math.max(MIN_TIMEOUT_MS, TIMES_AS_LONG * Math.ceil(green?.durationMs ?? 0));
  return { ...command, timeoutMs: Math.min(timeoutMs, longest) };
};
