/** The first half of a landing: whether a merge passes and what it weakens. Nothing moves here. */
import type { Evidence, Weakening } from '@berth/contract';
import { dropRef, judgeRef } from '../../change/index.ts';
import { deciding, failedIn, weakenedBy } from '../../gate/index.ts';
import type { Ports } from '../../ports.ts';
import { progressed } from '../../task/index.ts';
import { baselineOf, type Target } from '../gate/baseline.ts';
import { type PartsEnd, runParts, setupRedOf } from '../gate/gate-parts.ts';
import type { JudgePlan } from '../gate/judge-plan.ts';
import { type LandInput, repositoriesOf } from './records.ts';

export interface Verification {
  readonly input: LandInput;
  readonly planned: JudgePlan;
  /** The key of the step. */
  readonly key: string;
  readonly signal: AbortSignal;
}

export const isPassed = (evidence: readonly Evidence[]): boolean => failedIn(deciding(evidence)).length === 0;

export const verify = async (ports: Ports, verification: Verification) => {
  const { input, planned, signal } = verification;
  const { evidence, weakened } = await judge(ports, verification);
  await dropRef(ports.hub, input.workspaceId, repositoriesOf(input), judgeRef(input.changeId));
  const { targets, plan, egress } = planned;
  const target = { workspaceId: input.workspaceId, commits: targets, plan, egress };
  const said = isPassed(evidence) ? await saidBefore(ports, target, signal) : NOTHING;
  const all = [...planned.weakened, ...weakened, ...said.weakened];
  return { evidence, weakened: unique([...all, ...weakenedBy(evidence, said.evidence)]) };
};

const judge = async (
  ports: Ports,
  { input: { attemptId }, planned: { reused, parts }, key, signal }: Verification,
): Promise<PartsEnd> => {
  if (reused === undefined) return runParts(ports, { parts, key, signal });
  await progressed(ports.store, { attemptId, stage: 'gate', detail: `reused from ${reused.gateRunId}` });
  return { evidence: reused.evidence, weakened: [] };
};

/**
 * A failing set-up of the target shows up twice: where its checks should run, and where it is judged itself.
 */
const unique = (all: readonly Weakening[]): Weakening[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
];

const NOTHING: PartsEnd = { evidence: [], weakened: [] };

/** A target that cannot be set up gives no verdict, and that is for a person to resolve, not an agent. */
const saidBefore = async (ports: Ports, target: Target, signal: AbortSignal): Promise<PartsEnd> => {
  try {
    return { evidence: await baselineOf(ports, target, signal), weakened: [] };
  } catch (error) {
    const red = setupRedOf(error, Object.keys(target.commits)[0]);
    if (red === undefined) throw error;
    return { evidence: [], weakened: [red] };
  }
};
