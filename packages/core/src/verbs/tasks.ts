/**
 * What people do with tasks. Each verb is one transaction that writes the task's state change, its event and
 * the resulting job together, so that an acknowledged task is never abandoned.
 */

import {
  allows,
  fail,
  type Task,
  type TaskCheck,
  type TaskCreate,
  type TaskMeans,
  taskStates,
} from '@berth/contract';
import { move, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { dependenciesOf } from '../task/index.ts';
import { type AttemptInput, attemptOf, runIdOf } from '../workflows/attempt/records.ts';
import { assertJudged } from '../workflows/attempt/target-gate.ts';
import { workspaceOf } from '../workspace/index.ts';

export interface Tasks {
  /**
   * Creates nothing. Rejects with `agent.*`, `model.unconfigured` or `driver.*`, as creating such a task
   * would.
   */
  check(wanted: TaskCheck): Promise<TaskMeans>;
  /**
   * Safe to repeat with an id chosen by the caller (of the right kind): an existing task with that id is
   * returned. Rejects with `record.missing`, `agent.*`, `model.unconfigured`, `gate.empty` or
   * `task.dependency_failed`.
   */
  create(request: TaskCreate, id?: string): Promise<Task>;
  /**
   * Possible while the task waits or is being worked on. Rejects with `record.missing` or `state.illegal`.
   */
  cancel(id: string, reason: string): Promise<Task>;
  /**
   * Starts a new attempt at a failed task. Rejects with `record.missing`, `state.illegal` or
   * `task.dependency_failed`.
   */
  retry(id: string): Promise<Task>;
  /** Adds a follow-up to a completed task. Rejects with `record.missing` or `task.not_completed`. */
  prompt(id: string, prompt: string): Promise<Task>;
}

/** Nobody works on it, and it has no run. */
const UNCLAIMED: readonly Task['state'][] = ['queued', 'blocked'];
const DEFAULT_PRIORITY = 5;
const TITLE_MAX_CHARACTERS = 80;

export const createTasks = (ports: Ports, stopping: AbortSignal): Tasks => ({
  async check({ agent = ports.defaults.agent, model: wanted, driver }) {
    const { model } = await ports.agents.prepare(agent, wanted);
    const { name } = await ports.machines.choose({ driver });
    return { agent, model, driver: name };
  },
  async create(request, id = ports.ids.new('task')) {
    const made = await ports.store.read((tx) => tx.table('tasks').get(id));
    if (made !== undefined) return made;
    const agent = request.agent ?? ports.defaults.agent;
    await ports.agents.prepare(agent, request.model);
    await assertJudged(ports, await workspaceOf(ports, request.workspaceId), stopping);
    return ports.store.write(async (tx) => {
      const task = await insert(tx, ports, { ...request, agent, id });
      return begin(ports, tx, task, request.delayMs);
    });
  },
  async cancel(id, reason) {
    const task = await ports.store.write(async (tx) => {
      const row = await tx.table('tasks').get(id);
      if (row !== undefined && !UNCLAIMED.includes(row.state) && allows(taskStates, row.state, 'cancelled'))
        return row;
      const error = { ...fail('work.cancelled', { reason }).body };
      const patch = { error, endedAt: ports.clock.now() };
      return move(tx, 'tasks', id, { trigger: 'cancelled', patch, details: { reason } });
    });
    if (task.state === 'cancelled') await dropJobs(ports, id, reason);
    else if (task.attemptId !== undefined) {
      const input = { taskId: id, attemptId: task.attemptId };
      await ports.sagas.askCancel(runIdOf(ports.ids, task.attemptId), reason);
      await ports.store.write(async (tx) => {
        await wakeTask(ports, tx, input, { verdict: 'cancelled' });
        await ports.queue.hasten(tx, { key: id });
      });
    }
    return task;
  },
  retry: (id) =>
    ports.store.write(async (tx) => {
      const patch = { error: undefined, endedAt: undefined };
      return begin(ports, tx, await move(tx, 'tasks', id, { trigger: 'retried', patch }));
    }),
  prompt: (id, prompt) =>
    ports.store.write(async (tx) => {
      const before = await tx.table('tasks').get(id);
      if (before === undefined) throw fail('record.missing', { noun: 'task', id });
      if (!allows(taskStates, before.state, 'continued'))
        throw fail('task.not_completed', { id, state: before.state });
      const patch = { followUps: [...before.followUps, prompt], endedAt: undefined };
      const task = await move(tx, 'tasks', id, { trigger: 'continued', patch });
      await tx.emit({ type: 'task.prompted', subject: id, data: { prompt } });
      await enqueueAttempt(ports, tx, task);
      return task;
    }),
});

const insert = async (
  tx: Tx,
  { defaults }: Ports,
  request: TaskCreate & { readonly agent: string; readonly id: string },
): Promise<Task> => {
  const { workspaceId, prompt, agent, model } = request;
  if ((await tx.table('workspaces').get(workspaceId)) === undefined)
    throw fail('record.missing', { noun: 'workspace', id: workspaceId });
  await assertNamed(tx, request);
  const title = request.title ?? titleOf(prompt);
  const task = await tx.table('tasks').insert({
    id: request.id,
    state: 'queued',
    workspaceId,
    title,
    prompt,
    followUps: [],
    agent,
    model,
    priority: request.priority ?? DEFAULT_PRIORITY,
    parentId: request.parentId,
    after: request.after && [...new Set(request.after)],
    delayMs: request.delayMs,
    maxRounds: request.maxRounds ?? defaults.maxRounds,
    end: request.end,
    keepAliveMs: request.keepAliveMs ?? defaults.keepAliveMs,
    egress: request.egress,
    attempts: 0,
  });
  await tx.emit({ type: 'task.created', subject: task.id, data: { title } });
  return task;
};

/** The tasks that it names are of its workspace. */
const assertNamed = async (tx: Tx, { workspaceId, parentId, after = [] }: TaskCreate): Promise<void> => {
  const named = after.map((id, index) => ({ id, path: `body.after[${index}]` }));
  if (parentId !== undefined) named.push({ id: parentId, path: 'body.parentId' });
  for (const { id, path } of named) {
    const task = await tx.table('tasks').get(id);
    if (task === undefined) throw fail('record.missing', { noun: 'task', id });
    if (task.workspaceId !== workspaceId)
      throw fail('request.invalid', { issues: [{ path, message: 'is a task of another workspace' }] });
  }
};

/** Queues an attempt at a queued task, or blocks it until the tasks that it comes after have completed. */
const begin = async (ports: Ports, tx: Tx, task: Task, delayMs?: number): Promise<Task> => {
  const { pending, failed } = await dependenciesOf(tx, task);
  if (failed !== undefined) throw fail('task.dependency_failed', failed);
  if (pending.length > 0)
    return move(tx, 'tasks', task.id, { trigger: 'blocked', details: { after: pending } });
  await enqueueAttempt(ports, tx, task, delayMs);
  return task;
};

/** The first line, cut at a word boundary. */
const titleOf = (prompt: string): string => {
  const line = prompt.trim().split('\n')[0]?.trim() ?? '';
  if (line.length <= TITLE_MAX_CHARACTERS) return line;
  return `${line.slice(0, TITLE_MAX_CHARACTERS - 1).replace(/\s+\S*$/, '')}…`;
};

/**
 * Each request for work is an attempt of its own, whose id is assigned here, so that its job can run again
 * and remain one attempt.
 */
export const enqueueAttempt = async (
  { ids, queue }: Ports,
  tx: Tx,
  task: Pick<Task, 'id' | 'priority'>,
  delayMs?: number,
): Promise<void> => {
  const data = { taskId: task.id, attemptId: ids.new('attempt') };
  await queue.add(tx, 'task.run', data, { key: task.id, priority: task.priority, delayMs });
};

/** Resumes the run of a task that waits for a person; does nothing if it does not wait. */
export const wakeTask = async (
  { queue }: Ports,
  tx: Tx,
  data: AttemptInput,
  details: Readonly<Record<string, string>>,
): Promise<void> => {
  const { taskId: id } = data;
  const waiting = await tx.table('tasks').get(id);
  if (waiting?.state !== 'waiting' || waiting.attemptId !== data.attemptId) return;
  const task = await move(tx, 'tasks', id, { trigger: 'decided', details });
  await queue.add(tx, 'task.run', { ...data }, { key: id, priority: task.priority });
};

/** A job whose run has started (and was interrupted by a crash) is kept, because it undoes the run. */
const dropJobs = async (
  { store, queue, sagas, ids }: Ports,
  taskId: string,
  reason: string,
): Promise<void> => {
  const jobs = await store.read((tx) => queue.find(tx, taskId));
  for (const job of jobs) {
    const run = runIdOf(ids, attemptOf(job).attemptId);
    const isBegun = await store.read(async (tx) => (await tx.table('sagas').get(run)) !== undefined);
    if (isBegun) await sagas.askCancel(run, reason);
    else await queue.cancel(job.id, reason);
  }
};
