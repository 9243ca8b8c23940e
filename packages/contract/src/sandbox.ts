/** A sandbox: one isolated machine for one piece of work. What can be done inside it is in `sandbox-*.ts`. */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { AttemptId, SandboxId, WorkspaceId } from './ids.ts';
import { eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { stateOf, table } from './kernel/states.ts';
import { Instant, pageOf, pageQuery, recordFields } from './page.ts';
import { EgressPolicy, egressDenied, Limits } from './workspace.ts';

export const sandboxStates = table({
  creating: { created: 'running', creation_failed: 'undoing', removal_asked: 'deleting' },
  running: { stopped: 'stopped', paused: 'paused', lost: 'error', removal_asked: 'deleting' },
  paused: { resumed: 'running', lost: 'error', removal_asked: 'deleting' },
  stopped: { started: 'running', removal_asked: 'deleting' },
  error: { recovered: 'running', removal_asked: 'deleting' },
  undoing: { undone: 'destroyed', undo_failed: 'stuck' },
  deleting: { removed: 'destroyed' },
  stuck: { removal_asked: 'deleting' },
  destroyed: {},
});

/** Strength of isolation, a property of the driver. A request for more than it offers is refused. */
export const Isolation = z
  .enum(['none', 'process', 'container', 'gvisor', 'microvm'])
  .meta({ id: 'Isolation' });
export type Isolation = z.infer<typeof Isolation>;

export const Sandbox = z
  .object({
    id: SandboxId,
    state: stateOf(sandboxStates),
    workspaceId: WorkspaceId.optional(),
    attemptId: AttemptId.optional(),
    /** Why it exists: `attempt`, `gate`, `setup` or `manual`. */
    purpose: z.enum(['attempt', 'gate', 'setup', 'manual']),
    driver: z.string(),
    isolation: Isolation,
    image: z.string().optional(),
    limits: Limits,
    egress: EgressPolicy,
    /** Where repositories are inside: /workspace, except with the host driver. */
    root: z.string(),
    /** Limits and command containment that the driver could not apply on this machine, each with the reason. */
    unenforced: z.array(z.string()).optional(),
    /** Why work in it could not be saved: the sandbox is kept until `expiresAt` because of that. */
    unsaved: z.string().optional(),
    /** Removed automatically after this time. */
    expiresAt: Instant.optional(),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'Sandbox' });
export type Sandbox = z.infer<typeof Sandbox>;

export const SandboxCreate = z.strictObject({
  /** Start from this workspace: repositories cloned, set-up done. */
  workspaceId: WorkspaceId.optional(),
  driver: z.string().max(40).optional(),
  /** Refuse weaker isolation. */
  isolation: Isolation.optional(),
  /** As in a workspace. */
  image: z.string().max(2000).optional(),
  limits: Limits.optional(),
  egress: EgressPolicy.optional(),
  /** Remove it automatically after this time. */
  ttlMs: z
    .int()
    .min(1000)
    .max(30 * 86_400_000)
    .optional(),
});
export type SandboxCreate = z.infer<typeof SandboxCreate>;

export const SandboxMetrics = z
  .object({
    cpuSeconds: z.number().optional(),
    memoryBytes: z.int().optional(),
    memoryLimitBytes: z.int().optional(),
    processes: z.int().optional(),
    outOfMemoryKills: z.int().optional(),
    uptimeMs: z.number(),
  })
  .meta({ id: 'SandboxMetrics' });
export type SandboxMetrics = z.infer<typeof SandboxMetrics>;

export const sandboxEvents = [...eventsOf('sandbox', sandboxStates), egressDenied];

const params = z.strictObject({ id: SandboxId });

/** Errors of any work inside a sandbox. */
export const LIVE_ERRORS = ['record.missing', 'sandbox.not_running', 'sandbox.unreachable'] as const;

export const sandboxRoutes = [
  route({
    id: 'sandbox.create',
    method: 'POST',
    path: '/v1/sandboxes',
    body: SandboxCreate,
    returns: Sandbox,
    status: 201,
    role: 'operator',
    idempotent: true,
    errors: [
      'record.missing',
      'driver.unknown',
      'driver.disabled',
      'driver.absent',
      'driver.unsupported',
      'driver.failed',
      'image.unusable',
      'sandbox.limit_reached',
      'disk.full',
      'saga.stuck',
    ],
    summary: 'Create a sandbox and wait until it is running',
  }),
  route({
    id: 'sandbox.list',
    method: 'GET',
    path: '/v1/sandboxes',
    query: z.strictObject({
      ...pageQuery,
      state: stateOf(sandboxStates).optional(),
      workspaceId: WorkspaceId.optional(),
    }),
    returns: pageOf(Sandbox),
    role: 'viewer',
    errors: [],
    summary: 'List sandboxes',
  }),
  route({
    id: 'sandbox.get',
    method: 'GET',
    path: '/v1/sandboxes/:id',
    params,
    returns: Sandbox,
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show a sandbox',
  }),
  route({
    id: 'sandbox.remove',
    method: 'DELETE',
    path: '/v1/sandboxes/:id',
    params,
    returns: Sandbox,
    status: 202,
    role: 'operator',
    errors: ['record.missing', 'state.illegal'],
    summary: 'Remove a sandbox; removal finishes in the background',
  }),
  route({
    id: 'sandbox.metrics',
    method: 'GET',
    path: '/v1/sandboxes/:id/metrics',
    params,
    returns: SandboxMetrics,
    role: 'viewer',
    errors: [...LIVE_ERRORS],
    summary: 'Show what a sandbox uses now',
  }),
] as const;
