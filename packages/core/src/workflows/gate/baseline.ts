/**
 * The gate's verdict on the target itself, before any work: whether it is already red, and how many tests
 * run. It is determined once per commit and set of inputs: if the commit landed through a gate, that gate run
 * has judged it; otherwise a run of its own does. That run is a job, created by the first caller and shared
 * by all, and it outlives the tasks that wait for it; those soon wait without a worker. A run without a verdict
 * (a driver was away, or something ended a command from outside) counts only for those who waited for it.
 */
import {
  type BerthError,
  type EgressPolicy,
  type Evidence,
  fail,
  hasVerdict,
  isBerthError,
} from '@berth/contract';
import { deciding, type GatePlan } from '../../gate/index.ts';
import {
  allRows,
  Deferred,
  type Ids,
  type Job,
  nothingToUndo,
  type ReadTx,
  revive,
  type SagaRun,
  saga,
  type Tx,
  toJson,
  type Wait,
} from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { workspaceOf } from '../../workspace/index.ts';
import { ensurePrebuild } from '../prebuild/ensure.ts';
import type { AlteredTests } from './altered-files.ts';
import type { GatePart } from './check-gate.ts';
import { endParts, gateSandbox, judgedBy, partsOf, runParts, setupRedOf } from './gate-parts.ts';

export type Target = {
  readonly workspaceId: string;
  readonly commits: CommitByRepository;
  readonly plan: GatePlan;
  readonly egress: EgressPolicy;
  /** Its tests are altered so that they must fail; that verdict has a hash of its own. */
  readonly altered?: AlteredTests | undefined;
};

export const checkTarget = saga<Ports, Target>('gate.baseline', 1)
  .step('plan', {
    do: async ({ ports, input, run, signal }): Promise<GatePart[]> => {
      const workspace = await workspaceOf(ports, input.workspaceId);
      const { commits, egress, altered } = input;
      const start = await ensurePrebuild(ports, { workspace, commits, signal });
      const parts = await partsOf(ports, workspace, input.plan.commands);
      return parts.map((part, index) => {
        const id = sandboxOfPart(ports.ids, run, index);
        const sandbox = gateSandbox(ports, workspace, { id, start, egress, commits });
        return { ...part, judgedBy: 'target', sandbox, ...(altered === undefined ? {} : { altered }) };
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

/** The sandboxes in which the run of a job may judge: no more than one for each command. */
export const sandboxesOf = (ids: Ids, { id, target }: BaselineJob): string[] =>
  target.plan.commands.map((_, index) => sandboxOfPart(ids, id, index));

/** Starts the determination unless the result is known or already being determined. */
export const beginBaseline = async (ports: Ports, target: Target): Promise<void> => {
  const inputHash = await inputHashOf(ports, target);
  if ((await landedEvidence(ports, inputHash)) === undefined) await findOrBegin(ports, target, inputHash);
};

/** Maximum number of runs without a verdict (because a driver was away) per caller. */
const MAX_TRIES = 3;

/** Maximum number of runs per caller in which something ended a command from outside. */
const MAX_UNCLEAR = 2;

/** A caller keeps its worker for this long; longer waits need none. */
const WORKER_KEPT_MS = 3000;
/** In case nobody reports the end. */
const LOOK_AGAIN_MS = 60_000;

export interface Asker {
  /** When it asked first. Runs that have failed since then count as its tries. */
  readonly since: number;
  readonly signal: AbortSignal;
  /** How long it waits before it is deferred. Default: `WORKER_KEPT_MS`. */
  readonly waitMs?: number | undefined;
}

/** Rejects with the error of the last run, with the reason of the signal, or with `Deferred`. */
export const baselineOf = async (
  ports: Ports,
  target: Target,
  asker: Asker,
): Promise<readonly Evidence[]> => {
  const inputHash = await inputHashOf(ports, target);
  const landed = target.altered === undefined ? await landedEvidence(ports, inputHash) : undefined;
  if (landed !== undefined) return landed;
  for (let tried = 1; ; tried += 1) {
    const settled = await ports.store.read((tx) => settledSince(tx, inputHash, asker.since));
    if (settled !== undefined) return settled;
    const id = await findOrBegin(ports, target, inputHash);
    const end = await endOf(ports, { id, topic: topicOf(inputHash) }, asker);
    if (end === undefined) throw new Deferred(waitFor(id, inputHash));
    const answer = settledBy(end, tried);
    if (answer !== undefined) return answer;
  }
};

/** Rejects with the error of the run if another try is none of this caller's, or would not help. */
const settledBy = (end: SagaRun, tried: number): readonly Evidence[] | undefined => {
  if (end.state === 'done') return isVerdict(end) || tried >= MAX_UNCLEAR ? evidenceOf(end) : undefined;
  const error = errorOf(end);
  if (tried >= MAX_TRIES || !mayEndOtherwise(error)) throw error;
  return undefined;
};

/** Notified when a run that judges this has ended. */
const topicOf = (inputHash: string): string => `target gate ${inputHash}`;

const waitFor = (id: string, inputHash: string): Wait => ({
  error: fail('gate.target_pending', {}),
  topic: topicOf(inputHash),
  againMs: LOOK_AGAIN_MS,
  isOver: async (tx) => isEnded(await tx.table('sagas').get(id)),
});

const isEnded = (run: SagaRun | undefined): boolean =>
  run !== undefined && run.state !== 'running' && run.state !== 'undoing';

const errorOf = ({ stuckAt, error }: SagaRun): BerthError =>
  revive(stuckAt?.error ?? error ?? fail('work.cancelled', { reason: 'it was given up' }).body);

/** What the runs since then have settled for their caller. Rejects if they have failed. */
const settledSince = async (
  tx: ReadTx,
  inputHash: string,
  since: number,
): Promise<readonly Evidence[] | undefined> => {
  const failure = await failureSince(tx, inputHash, since);
  if (failure !== undefined) throw failure;
  return unclearSince(tx, inputHash, since);
};

/** The failure of runs since then, if another try would not help. */
const failureSince = async (
  tx: ReadTx,
  inputHash: string,
  since: number,
): Promise<BerthError | undefined> => {
  const runs = await allRows(tx, { table: 'sagas', where: { subject: inputHash } });
  const failed = runs.filter((run) => run.updatedAt > since && run.state !== 'done' && isEnded(run));
  const last = failed.at(-1);
  if (last === undefined) return undefined;
  const error = errorOf(last);
  return failed.length >= MAX_TRIES || !mayEndOtherwise(error) ? error : undefined;
};

/** The evidence of the last run that came to no verdict, if the caller has had its tries. */
const unclearSince = async (
  tx: ReadTx,
  inputHash: string,
  since: number,
): Promise<readonly Evidence[] | undefined> => {
  const runs = await allRows(tx, { table: 'sagas', where: { subject: inputHash } });
  const last = runs.at(-1);
  if (last?.state !== 'done' || isVerdict(last)) return undefined;
  const unclear = runs.filter((run) => run.state === 'done' && run.updatedAt > since && !isVerdict(run));
  return unclear.length >= MAX_UNCLEAR ? evidenceOf(last) : undefined;
};

/** The result of this very saga, as JSON. */
const evidenceOf = ({ result }: SagaRun): readonly Evidence[] => result as unknown as readonly Evidence[];
const isVerdict = (run: SagaRun): boolean => evidenceOf(run).every(hasVerdict);

/** The ended run; undefined if it has not ended by then. */
const endOf = async (
  { store, clock }: Ports,
  { id, topic }: { readonly id: string; readonly topic: string },
  { signal, waitMs = WORKER_KEPT_MS }: Asker,
): Promise<SagaRun | undefined> => {
  const left = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<SagaRun | undefined>();
  const look = async (): Promise<void> => {
    const run = await store.read((tx) => tx.table('sagas').get(id));
    if (isEnded(run)) resolve(run);
  };
  // Subscribe before reading, so that no notice is missed.
  const unsubscribe = store.notices.subscribe(({ topics }) => {
    if (topics.has(topic)) look().catch(reject);
  });
  clock.sleep(waitMs, AbortSignal.any([left.signal, signal])).then(() => resolve(undefined), reject);
  try {
    await look();
    return await promise;
  } finally {
    unsubscribe();
    left.abort();
  }
};

/** A failed set-up would just fail again, and work that crashed the server must not crash it again. */
const mayEndOtherwise = (error: unknown): boolean => setupRedOf(error) === undefined && !isCrash(error);

const isCrash = (error: unknown): boolean => isBerthError(error) && error.code === 'work.crashed';

/** However it ends, those who wait for it continue. */
export const runBaseline = async (
  { sagas, store, queue }: Ports,
  { id, target, inputHash }: BaselineJob,
  signal: AbortSignal,
): Promise<void> => {
  try {
    await sagas.run(checkTarget, { id, input: target, subject: inputHash, signal });
  } finally {
    if (!signal.aborted)
      await store.write(async (tx) => {
        if (isEnded(await tx.table('sagas').get(id))) await queue.hasten(tx, { topic: topicOf(inputHash) });
      });
  }
};

const inputHashOf = async (ports: Ports, target: Target): Promise<string> => {
  const { workspaceId, commits, plan, egress, altered } = target;
  const workspace = await workspaceOf(ports, workspaceId);
  const hash = await judgedBy(ports, workspace, { commits, egress, commands: plan.commands });
  if (altered === undefined) return hash;
  const { paths, failsAtEnd = false } = altered;
  return ports.digest(JSON.stringify(['altered@1', hash, Object.entries(paths).sort(), failsAtEnd]));
};

/** For this long a target is not judged again if the server died while judging it. */
const CRASHED_MS = 3_600_000;

/**
 * The id of a run that has a verdict or is in progress, or else of a new one. Rejects with `work.crashed`.
 */
const findOrBegin = (ports: Ports, target: Target, inputHash: string): Promise<string> =>
  ports.store.write(async (tx) => {
    const [latest] = await tx.table('sagas').list({ where: { subject: inputHash }, order: 'desc', limit: 1 });
    if (latest !== undefined && mayAnswer(latest)) {
      if (!isEnded(latest)) await enqueue(ports, tx, { id: latest.id, target, inputHash });
      return latest.id;
    }
    const since = ports.clock.now() - CRASHED_MS;
    if (latest?.error?.code === 'work.crashed' && latest.updatedAt > since) throw revive(latest.error);
    const promised = await promisedRun(ports, tx, inputHash);
    if (promised !== undefined) return promised;
    const id = ports.ids.new('saga');
    await enqueue(ports, tx, { id, target, inputHash });
    return id;
  });

/** Adds the job of a run that has none: it may have been lost with a restored database. */
const enqueue = async ({ queue }: Ports, tx: Tx, baseline: BaselineJob): Promise<void> => {
  const jobs = await queue.find(tx, baseline.inputHash);
  if (jobs.some((job) => baselineJobOf(job).id === baseline.id)) return;
  await queue.add(tx, 'gate.baseline', toJson(baseline, 'data'), { key: baseline.inputHash });
};

const mayAnswer = (run: SagaRun): boolean =>
  run.state === 'done' ? isVerdict(run) : run.state === 'running' || run.state === 'undoing';

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
