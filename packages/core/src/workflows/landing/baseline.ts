/**
 * What the gate says about the target itself, before anybody's work: whether it is red already, and how many tests run.
 * It is found out once for a commit and all that decides a verdict on it: what landed through a gate has been judged on
 * just that commit, else a run of its own judges it. That run is a job, made by whoever asks first and waited for by
 * everybody, and no task's end ends it. A run without a verdict says nothing for longer than those who waited for it.
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
import type { GatePart } from '../check-gate.ts';
import { ensurePrebuild } from '../prebuild/ensure.ts';
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
  /** What its verdict comes from. */
  readonly inputHash: string;
};

/** In which the run of a job judges. */
export const sandboxesOf = (ids: Ids, { id, target }: BaselineJob): string[] =>
  groupsOf(target.plan.commands).map((_, index) => sandboxOfPart(ids, id, index));

/** Has it found out, unless it is known or under way. */
export const beginBaseline = async (ports: Ports, target: Target): Promise<void> => {
  const inputHash = await inputHashOf(ports, target);
  if ((await landedEvidence(ports, inputHash)) === undefined) await findOrBegin(ports, target, inputHash);
};

/** Runs without a verdict (a driver was away) that one asker waits for. */
const MAX_TRIES = 3;

/** Rejects with the error of the run that tried last, or with the reason of the signal. */
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

/** A set-up that failed would fail again at once; what the server died in must not take it along again. */
const mayEndOtherwise = (error: unknown): boolean => setupRedOf(error) === undefined && !isCrash(error);

const isCrash = (error: unknown): boolean => isBerthError(error) && error.code === 'work.crashed';

const heard = async (ports: Ports, job: BaselineJob, signal: AbortSignal): Promise<readonly Evidence[]> => {
  const { stop, either, release } = createInterrupts(signal);
  try {
    // A cancel ends the waiting alone: others may wait for the same.
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

/** For so long a target is not judged again whose judging the server died in. */
const CRASHED_MS = 3_600_000;

/** The run that came to a verdict or is under way; else a new one. Rejects with `work.crashed`. */
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

/** Of a job whose run has not begun. */
const promisedRun = async ({ queue }: Ports, tx: ReadTx, inputHash: string): Promise<string | undefined> => {
  for (const job of await queue.find(tx, inputHash)) {
    const { id } = baselineJobOf(job);
    if ((await tx.table('sagas').get(id)) === undefined) return id;
  }
  return undefined;
};

/** Written by `findOrBegin` and read nowhere else. */
export const baselineJobOf = ({ data }: Pick<Job, 'data'>): BaselineJob => data as unknown as BaselineJob;

const MAX_LANDED = 20;

/** Of the gate of a change that landed, when it came from the very same. */
const landedEvidence = ({ store }: Ports, inputHash: string): Promise<readonly Evidence[] | undefined> =>
  store.read(async (tx) => {
    const where = { inputHash, state: 'green' };
    for (const run of await tx.table('gateRuns').list({ where, order: 'desc', limit: MAX_LANDED })) {
      const change = await tx.table('changes').get(run.changeId);
      if (change?.state === 'merged') return deciding(run.evidence);
    }
    return undefined;
  });
