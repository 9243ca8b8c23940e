/** A task: what a user wants done. An attempt: one agent's try at it. */
import { z } from 'zod';
import { ApprovalAsked } from './change.ts';
import { ErrorBody } from './errors.ts';
import { AttemptId, ChangeId, SandboxId, SessionId, TaskId, WorkspaceId } from './ids.ts';
import { event, eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { allows, type StateOf, stateOf, table } from './kernel/states.ts';
import { Instant, pageOf, pageQuery, recordFields } from './page.ts';
import { EgressPolicy } from './workspace.ts';

const ends = { failed: 'failed', cancelled: 'cancelled', killed: 'killed' } as const;

export const taskStates = table({
  queued: { blocked: 'blocked', claimed: 'spawning', ...ends },
  /** Some of the tasks that it comes after (`after`) have not completed. */
  blocked: { unblocked: 'queued', ...ends },
  spawning: { started: 'running', requeued: 'queued', ...ends },
  running: { verification_started: 'verifying', requeued: 'queued', ...ends },
  verifying: {
    sent_back: 'running',
    landing_started: 'landing',
    approval_asked: 'waiting',
    requeued: 'queued',
    ...ends,
  },
  /** Its change weakens the gate: awaiting approval. */
  waiting: { decided: 'verifying', ...ends },
  landing: { sent_back: 'running', completed: 'completed', ...ends },
  completed: { continued: 'queued' },
  failed: { retried: 'queued' },
  cancelled: { retried: 'queued' },
  killed: { retried: 'queued' },
});

const TASK_STATES = Object.keys(taskStates) as StateOf<typeof taskStates>[];
const isEnded = (state: StateOf<typeof taskStates>): boolean => !allows(taskStates, state, 'cancelled');

/** States without anything left to cancel. They are not final: a user may continue or retry the task. */
export const ENDED_TASK_STATES: readonly string[] = TASK_STATES.filter(isEnded);
export const UNENDED_TASK_STATES: readonly string[] = TASK_STATES.filter((state) => !isEnded(state));

export const attemptStates = table({
  spawning: { started: 'running', failed: 'failed', killed: 'killed' },
  running: { completed: 'completed', failed: 'failed', killed: 'killed' },
  completed: {},
  failed: {},
  killed: {},
});

/** What becomes of the work of an attempt. `land`: its change is verified, and moves its targets when it passes. */
export const AttemptEnd = z.enum(['land']).meta({ id: 'AttemptEnd' });
export type AttemptEnd = z.infer<typeof AttemptEnd>;
export const DEFAULT_END: AttemptEnd = 'land';

/** Maximum number of tasks that a task may name in `after`. */
export const MAX_DEPENDENCIES = 50;

/**
 * Tasks of the same workspace that must have completed first. Only existing tasks can be named, so there are no
 * cycles. If one of them fails or is cancelled, the task fails with `task.dependency_failed`.
 */
const After = z.array(TaskId).max(MAX_DEPENDENCIES);

/** 1–10, 10 first; 5 when absent. */
const Priority = z.int().min(1).max(10);

export const Task = z
  .object({
    id: TaskId,
    state: stateOf(taskStates),
    workspaceId: WorkspaceId,
    title: z.string(),
    prompt: z.string(),
    /** Follow-up prompts, oldest first. */
    followUps: z.array(z.string()),
    agent: z.string(),
    /** `provider/model`; the server's default when absent. */
    model: z.string().optional(),
    priority: Priority,
    /** The task that it is a part of. */
    parentId: TaskId.optional(),
    after: After.optional(),
    /** The delay that was asked for. */
    delayMs: z.int().optional(),
    /** How many times a red gate or a conflict is returned to the agent before the attempt fails. */
    maxRounds: z.int(),
    /** `land` when absent. */
    end: AttemptEnd.optional(),
    /** How long the sandbox is kept after the end, for inspection or a follow-up. */
    keepAliveMs: z.int(),
    /** Egress of its agent and gate; that of the workspace when absent. */
    egress: EgressPolicy.optional(),
    attempts: z.int(),
    attemptId: AttemptId.optional(),
    changeId: ChangeId.optional(),
    error: ErrorBody.optional(),
    endedAt: Instant.optional(),
    ...recordFields,
  })
  .meta({ id: 'Task' });
export type Task = z.infer<typeof Task>;

export const TaskCreate = z.strictObject({
  workspaceId: WorkspaceId,
  /** What the agent is asked to do. */
  prompt: z.string().min(1).max(100_000),
  title: z.string().min(1).max(200).optional(),
  agent: z.string().max(40).optional(),
  model: z.string().max(200).optional(),
  priority: Priority.optional(),
  /** The task of the same workspace that it is a part of. */
  parentId: TaskId.optional(),
  after: After.optional(),
  maxRounds: z.int().min(1).max(10).optional(),
  /** What becomes of the work; `land` when absent. */
  end: AttemptEnd.optional(),
  keepAliveMs: z.int().min(0).max(86_400_000).optional(),
  /** Egress of its agent and gate; that of the workspace when absent. */
  egress: EgressPolicy.optional(),
  /** Do not start before this many ms from now, or from when the tasks in `after` have completed. */
  delayMs: z
    .int()
    .min(0)
    .max(30 * 86_400_000)
    .optional(),
});
export type TaskCreate = z.infer<typeof TaskCreate>;

/** What a task needs, before its workspace exists. */
export const TaskCheck = z.strictObject({
  agent: TaskCreate.shape.agent,
  model: TaskCreate.shape.model,
  driver: z.string().max(40).optional(),
});
export type TaskCheck = z.infer<typeof TaskCheck>;

/** The agent, model and driver it would use. */
export const TaskMeans = z
  .object({ agent: z.string(), model: z.string().optional(), driver: z.string() })
  .meta({ id: 'TaskMeans' });
export type TaskMeans = z.infer<typeof TaskMeans>;

export const Attempt = z
  .object({
    id: AttemptId,
    state: stateOf(attemptStates),
    taskId: TaskId,
    number: z.int().min(1),
    agent: z.string(),
    model: z.string().optional(),
    sandboxId: SandboxId.optional(),
    sessionId: SessionId.optional(),
    /** `task/<id>`, or with `_v2`…`_v10` when taken; the same in every repository. */
    branch: z.string().optional(),
    rounds: z.int(),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'Attempt' });
export type Attempt = z.infer<typeof Attempt>;

/** Event data when a task starts waiting for others: those that have not completed. */
const Blocked = z.object({ after: z.array(TaskId) });

export const taskEvents = [
  event('task.created', 1, z.object({ title: z.string() })),
  ...eventsOf('task', taskStates, { approval_asked: ApprovalAsked, blocked: Blocked }),
  event('task.prompted', 1, z.object({ prompt: z.string() })),
  ...eventsOf('attempt', attemptStates),
  /** A named stage of long work, shown to the user. */
  event(
    'attempt.progressed',
    1,
    z.object({ stage: z.string(), detail: z.string().optional(), durationMs: z.number().optional() }),
  ),
];

const params = z.strictObject({ id: TaskId });
const moved = ['record.missing', 'state.illegal'] as const;

export const taskRoutes = [
  route({
    id: 'task.create',
    method: 'POST',
    path: '/v1/tasks',
    body: TaskCreate,
    returns: Task,
    status: 201,
    role: 'operator',
    idempotent: true,
    errors: [
      'record.missing',
      'agent.unknown',
      'model.unconfigured',
      'gate.empty',
      'driver.disabled',
      'task.dependency_failed',
    ],
    summary: 'Queue a task',
  }),
  route({
    id: 'task.check',
    method: 'POST',
    path: '/v1/task-checks',
    body: TaskCheck,
    returns: TaskMeans,
    role: 'operator',
    errors: [
      'agent.unknown',
      'agent.absent',
      'model.unconfigured',
      'driver.unknown',
      'driver.disabled',
      'driver.absent',
    ],
    summary: 'Check whether a task could run (agent, model, driver) before a repository is imported for it',
  }),
  route({
    id: 'task.list',
    method: 'GET',
    path: '/v1/tasks',
    query: z.strictObject({
      ...pageQuery,
      state: stateOf(taskStates).optional(),
      workspaceId: WorkspaceId.optional(),
      /** Only the parts of this task. */
      parentId: TaskId.optional(),
    }),
    returns: pageOf(Task),
    role: 'viewer',
    errors: [],
    summary: 'List tasks',
  }),
  route({
    id: 'task.get',
    method: 'GET',
    path: '/v1/tasks/:id',
    params,
    returns: Task,
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show a task',
  }),
  route({
    id: 'task.cancel',
    method: 'POST',
    path: '/v1/tasks/:id/cancel',
    params,
    body: z.strictObject({ reason: z.string().max(1000).optional() }),
    returns: Task,
    status: 202,
    role: 'operator',
    errors: [...moved],
    summary: 'Cancel a task; work done so far is kept',
  }),
  route({
    id: 'task.retry',
    method: 'POST',
    path: '/v1/tasks/:id/retry',
    params,
    body: z.strictObject({}),
    returns: Task,
    status: 202,
    role: 'operator',
    errors: [...moved, 'driver.disabled', 'task.dependency_failed'],
    summary: 'Retry a failed or cancelled task',
  }),
  route({
    id: 'task.prompt',
    method: 'POST',
    path: '/v1/tasks/:id/prompts',
    params,
    body: z.strictObject({ prompt: z.string().min(1).max(100_000) }),
    returns: Task,
    status: 202,
    role: 'operator',
    errors: ['record.missing', 'task.not_completed', 'driver.disabled'],
    summary: 'Send a follow-up: the agent continues the conversation of a completed task',
  }),
  route({
    id: 'task.attempts',
    method: 'GET',
    path: '/v1/tasks/:id/attempts',
    params,
    returns: z.object({ rows: z.array(Attempt) }),
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'List the attempts of a task',
  }),
] as const;
