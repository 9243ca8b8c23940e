/**
 * The gate's verdict on the target itself, before any work: whether it is already red, and how many tests
 * run. It is determined once per commit and set of inputs: if the commit landed through a gate, that gate run
 * has judged it; otherwise a run of its own does. That run is a job, created by the first caller and shared
 * by all, and it outlives the tasks that wait for it. A run without a verdict counts only for those who
 * waited for it.
 */
import { type EgressPolicy, type Evidence, isBerthError } from '@berth/contract';
import { deciding, type GatePlan, groupsOf } from '../../gate/index.ts';
import {
  createInterrupts,
  type Ids,
  type Job,
  nothingToUndo,
  type ReadTx,
  revive,
  type SagaRun,
  saga,
  toJson,
  unlessAborted,
} from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { workspaceOf } from '../../workspace/index.ts';
import { ensurePrebuild } from '../prebuild/ensure.ts';
import type { GatePart } from './check-gate.ts';
import { endParts, gateSandbox, judgedBy, runParts, setupRedOf } from './gate-parts.ts';

export type Target = {
  readonly workspaceId: string;
  readonly commits: CommitByRepository;
  readonly plan: GatePlan;
  readonly egress: EgressPolicy;
};

export const checkTarget = saga<Ports, Target>('gate.baseline', 1)
  .step('plan', {
    do: async ({ ports, input, run, signal }): Promise<GatePart[]> => {
      const workspace = await workspaceOf(ports, input.workspaceId);
      const { commits, egress } = input;
      const start = await ensurePrebuild(ports, { workspace, commits, signal });
      return groupsOf(input.plan.commands).map((commands, index) => {
        const id = sandboxOfPart(ports.ids, run, index);
        const sandbox = gateSandbox(ports, workspace, { id, start, egress, commits });
        return { judgedBy: 'target', commands, sandbox };
      });
    },
    undo: nothingToUndo('it only reads; a layer that was made is of use to others'),
  })
  .step('run', {
    do: async ({ ports, out, key, signal }) =>
      (await runParts(ports, { parts: out.plan, key, signal })).evidence,
    undo: ({ ports, out, key }) =>
      endParts(ports, { parts: out.plan, key, reason: 'the target is not judged' }),
  })
  .returns(({ out }) => out.run);

const sandboxOfPart = (ids: Ids, run: string, index: number): string =>
  ids.from('sandbox', `${run}/${index}`);

export type BaselineJob = {
  readonly id: string;
  readonly target: Target;
  /** Identifies everything the verdict depends on. */
  readonly inputHash: string;
};

/** The sandboxes in which the run of a job judges. */
export const sandboxesOf = (ids: Ids, { id, target }: BaselineJob): string[] =>
  groupsOf(target.plan.commands).map((_, index) => sandboxOfPart(ids, id, index));

/** Starts the determination unless the result is known or already being determined. */
export const beginBaseline = async (ports: Ports, target: Target): Promise<void> => {
  const inputHash = await inputHashOf(ports, target);
  if ((await landedEvidence(ports, inputHash)) === undefined) await findOrBegin(ports, target, inputHash);
};

/** Maximum number of runs without a verdict (because a driver was away) per caller. */
const MAX_TRIES = 3;

/** Rejects with the error of the last run, or with the reason of the signal. */
export const baselineOf = async (
  ports: Ports,
  target: Target,
  signal: AbortSignal,
): Promise<readonly Evidence[]> => {
  const inputHash = await inputHashOf(ports, target);
  const landed = await landedEvidence(ports, inputHash);
  if (landed !== undefined) return landed;
  for (let tried = 1; ; tried += 1) {
    const id = await findOrBegin(ports, target, inputHash);
    try {
      return await heard(ports, { id, target, inputHash }, signal);
    } catch (error) {
      if (signal.aborted || tried >= MAX_TRIES || !mayEndOtherwise(error)) throw error;
    }
  }
};

/** A failed set-up would just fail again, and work that crashed the server must not crash it again. */
const mayEndOtherwise = (error: unknown): boolean => setupRedOf(error) === undefined && !isCrash(error);

const isCrash = (error: unknown): boolean => isBerthError(error) && error.code === 'work.crashed';

const heard = async (ports: Ports, job: BaselineJob, signal: AbortSignal): Promise<readonly Evidence[]> => {
  const { stop, either, release } = createInterrupts(signal);
  try {
    // A cancel only ends the wait: others may be waiting for the same run.
    return await unlessAborted(runBaseline(ports, job, stop), either);
  } finally {
    release();
  }
};

export const runBaseline = (
  { sagas }: Pick<Ports, 'sagas'>,
  { id, target, inputHash }: BaselineJob,
  signal: AbortSignal,
): Promise<readonly Evidence[]> => sagas.run(checkTarget, { id, input: target, subject: inputHash, signal });

const inputHashOf = async (ports: Ports, { workspaceId, commits, plan, egress }: Target): Promise<string> => {
  const workspace = await workspaceOf(ports, workspaceId);
  return judgedBy(ports, workspace, { commits, egress, commands: plan.commands });
};

/** For this long a target is not judged again if the server died while judging it. */
const CRASHED_MS = 3_600_000;

/**
 * The id of a run that has a verdict or is in progress, or else of a new one. Rejects with `work.crashed`.
 */
const findOrBegin = (ports: Ports, target: Target, inputHash: string): Promise<string> =>
  ports.store.write(async (tx) => {
    const [latest] = await tx.table('sagas').list({ where: { subject: inputHash }, order: 'desc', limit: 1 });
    if (latest !== undefined && mayAnswer(latest)) return latest.id;
    const since = ports.clock.now() - CRASHED_MS;
    if (latest?.error?.code === 'work.crashed' && latest.updatedAt > since) throw revive(latest.error);
    const promised = await promisedRun(ports, tx, inputHash);
    if (promised !== undefined) return promised;
    const id = ports.ids.new('saga');
    const job = toJson({ id, target, inputHash } satisfies BaselineJob, 'data');
    await ports.queue.add(tx, 'gate.baseline', job, { key: inputHash });
    return id;
  });

const mayAnswer = ({ state }: SagaRun): boolean =>
  state === 'running' || state === 'undoing' || state === 'done';

/** The run of a job that has not started yet. */
const promisedRun = async ({ queue }: Ports, tx: ReadTx, inputHash: string): Promise<string | undefined> => {
  for (const job of await queue.find(tx, inputHash)) {
    const { id } = baselineJobOf(job);
    if ((await tx.table('sagas').get(id)) === undefined) return id;
  }
  return undefined;
};

/** Written by `findOrBegin`, the only writer. */
export const baselineJobOf = ({ data }: Pick<Job, 'data'>): BaselineJob => data as unknown as BaselineJob;

const MAX_LANDED = 20;

/** The gate evidence of a landed change with the same inputs. */
const landedEvidence = ({ store }: Ports, inputHash: string): Promise<readonly Evidence[] | undefined> =>
  store.read(async (tx) => {
    const where = { inputHash, state: 'green' };
    for (const run of await tx.table('gateRuns').list({ where, order: 'desc', limit: MAX_LANDED })) {
      const change = await tx.table('changes').get(run.changeId);
      if (change?.state === 'merged') return deciding(run.evidence);
    }
    return undefined;
  });
