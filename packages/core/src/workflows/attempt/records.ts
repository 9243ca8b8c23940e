/**
 * The records of an attempt: what every step needs of them, and their updates as it progresses. Each update is
 * part of one transaction in `run-task.ts`.
 */
import {
  type Attempt,
  allows,
  type Change,
  type ErrorBody,
  fail,
  type Task,
  taskStates,
  type Workspace,
} from '@berth/contract';
import {
  allRows,
  assert,
  cancelled,
  causeOf,
  type Ids,
  type Job,
  move,
  type ReadTx,
  type Tx,
} from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { requestRemoval } from '../../sandbox/index.ts';
import type { Continuity } from './plan.ts';
import { withUnsaved } from './unsaved.ts';

export interface AttemptInput {
  readonly taskId: string;
  readonly attemptId: string;
}

/** The run id of an attempt; the same after every restart. */
export const runIdOf = (ids: Ids, attemptId: string): string => ids.from('saga', `${attemptId}/run`);

/** The input of a `task.run` job. */
export const attemptOf = ({ data }: Job): AttemptInput => {
  assert(
    typeof data === 'object' && data !== null && 'taskId' in data && 'attemptId' in data,
    'a job names its attempt',
  );
  return { taskId: String(data.taskId), attemptId: String(data.attemptId) };
};

export interface AttemptFacts {
  readonly task: Task;
  readonly workspace: Workspace;
  /** Earlier attempts at the same task, oldest first. */
  readonly earlier: readonly Attempt[];
}

export const factsOf = ({ store }: Ports, { taskId, attemptId }: AttemptInput): Promise<AttemptFacts> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(taskId);
    if (task === undefined) throw fail('record.missing', { noun: 'task', id: taskId });
    const workspace = await tx.table('workspaces').get(task.workspaceId);
    if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id: task.workspaceId });
    const attempts = await allRows(tx, { table: 'attempts', where: { taskId } });
    return { task, workspace, earlier: attempts.filter(({ id }) => id !== attemptId) };
  });

/** Rejects with `work.cancelled` if the task is queued for another attempt. */
export const claimTask = async (
  tx: Tx,
  ports: Ports,
  { taskId, attemptId }: AttemptInput,
  run: string,
): Promise<void> => {
  if (await isForAnother(tx, ports, { taskId, attemptId }))
    throw cancelled('the task is queued for another attempt');
  const task = await move(tx, 'tasks', taskId, { trigger: 'claimed', causedBy: run });
  const attempts = task.attempts + 1;
  const { agent, model } = task;
  await tx
    .table('attempts')
    .insert({ id: attemptId, state: 'spawning', taskId, number: attempts, agent, model, rounds: 0 });
  const patch = { attempts, attemptId, error: undefined, endedAt: undefined };
  await tx.table('tasks').update(taskId, task.revision, patch);
};

/**
 * Whether a queued task waits for another attempt than this: its job says which, and has not begun. Between a cancel
 * and a retry, the run of the attempt before may not have ended yet.
 */
const isForAnother = async (
  tx: ReadTx,
  { queue, ids }: Ports,
  { taskId, attemptId }: AttemptInput,
): Promise<boolean> => {
  for (const job of await queue.find(tx, taskId)) {
    const other = attemptOf(job).attemptId;
    if (other !== attemptId && (await tx.table('sagas').get(runIdOf(ids, other))) === undefined) return true;
  }
  return false;
};

export interface Started {
  readonly sandboxId: string;
  readonly sessionId: string;
  readonly continuity: Continuity;
}

export const startAttempt = async (
  tx: Tx,
  input: AttemptInput,
  started: Started,
  run: string,
): Promise<void> => {
  const { sandboxId, sessionId, continuity } = started;
  const { taskId, attemptId } = input;
  const patch = { sandboxId, sessionId };
  const attempt = await move(tx, 'attempts', attemptId, { trigger: 'started', patch, causedBy: run });
  const { agent, model } = attempt;
  await tx.table('sessions').insert({ id: sessionId, attemptId, taskId, agent, model, continuity });
  await tx.emit({ type: 'session.opened', subject: sessionId, causedBy: run, data: { agent, continuity } });
  await move(tx, 'tasks', taskId, { trigger: 'started', causedBy: run });
};

/** Also runs if the claim was never written; ends whatever the records say by then. */
export const endAttempt = async (tx: Tx, ports: Ports, input: AttemptInput, run: string): Promise<void> => {
  const attempt = await tx.table('attempts').get(input.attemptId);
  const sandbox = await tx.table('sandboxes').get(attempt?.sandboxId ?? '');
  const error = withUnsaved(await causeOf(tx, run), sandbox);
  return endRecords(tx, ports, { ...input, error, causedBy: run });
};

/** For an attempt whose run can no longer report its end, because it is stuck or gone. */
export const failTask = (
  tx: Tx,
  ports: Ports,
  ended: AttemptInput & { readonly error: ErrorBody | undefined },
): Promise<void> => endRecords(tx, ports, ended);

interface Ended extends AttemptInput {
  readonly error: ErrorBody | undefined;
  readonly at: number;
  readonly causedBy?: string | undefined;
}

const endRecords = async (tx: Tx, ports: Ports, end: Omit<Ended, 'at'>): Promise<void> => {
  const ended = { ...end, at: ports.clock.now() };
  const { taskId, attemptId } = ended;
  const attempt = await tx.table('attempts').get(attemptId);
  const task = await tx.table('tasks').get(taskId);
  const landed = await landedBy(tx, ended);
  if (landed !== undefined) return endLanded(tx, ended, landed);
  if (attempt?.state === 'spawning' || attempt?.state === 'running') await endAs(tx, 'attempts', ended);
  if (task === undefined || !allows(taskStates, task.state, 'failed')) return;
  // An attempt that ends late must not affect a task that has moved on to the next one.
  const isUnclaimed =
    attempt === undefined && task.state === 'queued' && !(await isForAnother(tx, ports, ended));
  const isItsOwn = task.attemptId === attemptId && task.state !== 'queued';
  if (isUnclaimed || isItsOwn) await endAs(tx, 'tasks', ended);
};

const endAs = async (tx: Tx, table: 'attempts' | 'tasks', ended: Ended): Promise<void> => {
  const { error, at, causedBy } = ended;
  const isCancelled = error?.code === 'work.cancelled';
  const details = error === undefined ? {} : { code: error.code, message: error.message };
  if (table === 'attempts') {
    const trigger = isCancelled ? 'killed' : 'failed';
    await move(tx, 'attempts', ended.attemptId, { trigger, patch: { error }, details, causedBy });
    return;
  }
  const trigger = isCancelled ? 'cancelled' : 'failed';
  await move(tx, 'tasks', ended.taskId, { trigger, patch: { error, endedAt: at }, details, causedBy });
};

const landedBy = async (tx: Tx, { taskId, attemptId }: AttemptInput): Promise<Change | undefined> => {
  const merged = await allRows(tx, { table: 'changes', where: { taskId, state: 'merged' } });
  return merged.find((change) => change.attemptId === attemptId);
};

/** What has landed stays landed: a cancel or failure after it came too late. */
const endLanded = async (
  tx: Tx,
  { taskId, attemptId, at, causedBy }: Ended,
  change: Change,
): Promise<void> => {
  const attempt = await tx.table('attempts').get(attemptId);
  if (attempt?.state === 'running') await move(tx, 'attempts', attemptId, { trigger: 'completed', causedBy });
  const task = await tx.table('tasks').get(taskId);
  if (task?.state !== 'landing' || task.attemptId !== attemptId) return;
  const patch = { changeId: change.id, endedAt: at, error: undefined };
  const details = { changeId: change.id };
  await move(tx, 'tasks', taskId, { trigger: 'completed', patch, details, causedBy });
};

export interface Completed {
  readonly changeId: string;
  readonly sandboxId: string;
  readonly run: string;
}

/** Keeps the sandbox for a while, for inspection or a follow-up, if the task asks for it. */
export const completeTask = async (
  tx: Tx,
  { clock }: Ports,
  { taskId, attemptId }: AttemptInput,
  { changeId, sandboxId, run }: Completed,
): Promise<void> => {
  const at = clock.now();
  await move(tx, 'attempts', attemptId, { trigger: 'completed', causedBy: run });
  const patch = { changeId, endedAt: at, error: undefined };
  const details = { changeId };
  const task = await move(tx, 'tasks', taskId, { trigger: 'completed', patch, details, causedBy: run });
  const sandbox = await tx.table('sandboxes').get(sandboxId);
  if (sandbox === undefined) return;
  if (task.keepAliveMs === 0)
    await requestRemoval(tx, sandboxId, { reason: 'the task is completed', causedBy: run });
  else await tx.table('sandboxes').update(sandboxId, sandbox.revision, { expiresAt: at + task.keepAliveMs });
};
