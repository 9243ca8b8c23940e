/** A sandbox: one isolated machine for one piece of work. */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { AttemptId, ExecId, SandboxId, WorkspaceId } from './ids.ts';
import { eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { stateOf, table } from './kernel/states.ts';
import { Instant, pageOf, pageQuery, recordFields } from './page.ts';
import { CommitId, EgressPolicy, egressDenied, Limits, RepositoryName } from './workspace.ts';

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

/** How strong the wall is; a fact about a driver. A request for more than it has is refused. */
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
    /** Limits, and the containment of commands, that this driver could not apply on this machine, each with the reason. */
    unenforced: z.array(z.string()).optional(),
    /** Removed by itself after this moment. */
    expiresAt: Instant.optional(),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'Sandbox' });
export type Sandbox = z.infer<typeof Sandbox>;

export const SandboxCreate = z.strictObject({
  /** Start from this workspace: its repositories cloned, its set-up done. */
  workspaceId: WorkspaceId.optional(),
  driver: z.string().max(40).optional(),
  /** Refuse anything weaker. */
  isolation: Isolation.optional(),
  /** As of a workspace. */
  image: z.string().max(2000).optional(),
  limits: Limits.optional(),
  egress: EgressPolicy.optional(),
  /** Remove it by itself after this time. */
  ttlMs: z
    .int()
    .min(1000)
    .max(30 * 86_400_000)
    .optional(),
});
export type SandboxCreate = z.infer<typeof SandboxCreate>;

const EnvName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/);

export const ExecRequest = z.strictObject({
  /** Argument vector; never read by a shell. Either this or `shell`. */
  argv: z.array(z.string().max(131_072)).min(1).max(1000).optional(),
  /** A line for `sh -c`. */
  shell: z.string().min(1).max(131_072).optional(),
  /** Absolute, or relative to the sandbox's root. */
  cwd: z.string().max(4096).optional(),
  env: z.record(EnvName, z.string().max(131_072)).optional(),
  stdin: z.string().max(1_048_576).optional(),
  timeoutMs: z.int().min(1).max(86_400_000).optional(),
  /** Start it and answer at once; read it with `exec.logs`. */
  background: z.boolean().optional(),
});
export type ExecRequest = z.infer<typeof ExecRequest>;

export const ExecResult = z
  .object({
    execId: ExecId,
    /** Absent while it runs; null when a signal ended it. */
    exitCode: z.int().nullable().optional(),
    signal: z.string().optional(),
    timedOut: z.boolean().optional(),
    outOfMemory: z.boolean().optional(),
    /** The last part when the output passed the cap; then `truncated` is true. UTF-8. */
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean(),
    durationMs: z.number(),
  })
  .meta({ id: 'ExecResult' });
export type ExecResult = z.infer<typeof ExecResult>;

/** A part of a command's output, or its end. Cursors count bytes per stream. */
export const ExecPart = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('output'),
      stream: z.enum(['stdout', 'stderr']),
      cursor: z.int(),
      text: z.string(),
    }),
    z.object({ kind: z.literal('lagged'), stream: z.enum(['stdout', 'stderr']), cursor: z.int() }),
    z.object({
      kind: z.literal('exit'),
      exitCode: z.int().nullable(),
      signal: z.string().optional(),
      timedOut: z.boolean(),
      outOfMemory: z.boolean(),
    }),
  ])
  .meta({ id: 'ExecPart' });
export type ExecPart = z.infer<typeof ExecPart>;

export const FileEntry = z
  .object({
    name: z.string(),
    kind: z.enum(['file', 'folder', 'link', 'other']),
    sizeBytes: z.int(),
    mode: z.int(),
    modifiedAt: z.number(),
  })
  .meta({ id: 'FileEntry' });
export type FileEntry = z.infer<typeof FileEntry>;

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

export const RepositoryStatus = z
  .object({
    branch: z.string().optional(),
    head: CommitId.optional(),
    changes: z.array(z.object({ path: z.string(), index: z.string(), worktree: z.string() })),
  })
  .meta({ id: 'RepositoryStatus' });
export type RepositoryStatus = z.infer<typeof RepositoryStatus>;

export const sandboxEvents = [...eventsOf('sandbox', sandboxStates), egressDenied];

const params = z.strictObject({ id: SandboxId });
const repoParams = z.strictObject({ id: SandboxId, repository: RepositoryName });
const path = z.string().min(1).max(4096);
const live = ['record.missing', 'sandbox.not_running', 'sandbox.unreachable'] as const;
const file = [...live, 'file.missing', 'file.refused'] as const;

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
      'driver.absent',
      'driver.unsupported',
      'driver.failed',
      'image.unusable',
      'sandbox.limit_reached',
      'saga.stuck',
    ],
    summary: 'Create a sandbox and wait until it runs',
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
    summary: 'Ask for the removal of a sandbox; a reconciler makes it true',
  }),
  route({
    id: 'sandbox.exec',
    method: 'POST',
    path: '/v1/sandboxes/:id/exec',
    params,
    body: ExecRequest,
    returns: ExecResult,
    role: 'operator',
    errors: [...live, 'exec.not_startable'],
    summary: 'Run a command; a non-zero exit code is a result, not an error',
  }),
  route({
    id: 'sandbox.logs',
    method: 'GET',
    path: '/v1/sandboxes/:id/exec/:execId',
    params: z.strictObject({ id: SandboxId, execId: ExecId }),
    query: z.strictObject({
      stdoutCursor: z.coerce.number().int().min(0).optional(),
      stderrCursor: z.coerce.number().int().min(0).optional(),
    }),
    returns: ExecPart,
    answers: 'events',
    role: 'viewer',
    errors: [...live, 'exec.missing'],
    summary: 'Follow the output of a command from a cursor',
  }),
  route({
    id: 'sandbox.signal',
    method: 'POST',
    path: '/v1/sandboxes/:id/exec/:execId/signal',
    params: z.strictObject({ id: SandboxId, execId: ExecId }),
    body: z.strictObject({
      signal: z.enum(['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']),
    }),
    returns: z.object({}),
    role: 'operator',
    errors: [...live, 'exec.missing'],
    summary: 'Send a signal to a command and all its children',
  }),
  route({
    id: 'sandbox.shell',
    method: 'GET',
    path: '/v1/sandboxes/:id/shell',
    params,
    query: z.strictObject({
      columns: z.coerce.number().int().min(1).max(1000).optional(),
      rows: z.coerce.number().int().min(1).max(1000).optional(),
    }),
    returns: z.object({}),
    answers: 'socket',
    role: 'operator',
    errors: [...live],
    summary: 'A terminal over WebSocket: binary frames are bytes, text frames are {"columns","rows"}',
  }),
  route({
    id: 'sandbox.metrics',
    method: 'GET',
    path: '/v1/sandboxes/:id/metrics',
    params,
    returns: SandboxMetrics,
    role: 'viewer',
    errors: [...live],
    summary: 'What a sandbox uses now',
  }),
  route({
    id: 'sandbox.listFiles',
    method: 'GET',
    path: '/v1/sandboxes/:id/files',
    params,
    query: z.strictObject({ path }),
    returns: z.object({ entries: z.array(FileEntry) }),
    role: 'viewer',
    errors: [...file],
    summary: 'List a folder',
  }),
  route({
    id: 'sandbox.readFile',
    method: 'GET',
    path: '/v1/sandboxes/:id/files/content',
    params,
    query: z.strictObject({ path }),
    returns: z.unknown(),
    answers: 'bytes',
    role: 'viewer',
    errors: [...file],
    summary: 'Read a file',
  }),
  route({
    id: 'sandbox.writeFile',
    method: 'PUT',
    path: '/v1/sandboxes/:id/files/content',
    params,
    query: z.strictObject({ path, mode: z.coerce.number().int().min(0).max(0o777).optional() }),
    bytesIn: true,
    returns: z.object({ sizeBytes: z.int() }),
    role: 'operator',
    errors: [...file, 'disk.full'],
    summary: 'Write a file; folders on the way are made',
  }),
  route({
    id: 'sandbox.makeFolder',
    method: 'POST',
    path: '/v1/sandboxes/:id/files/folders',
    params,
    body: z.strictObject({ path }),
    returns: z.object({}),
    role: 'operator',
    errors: [...file],
    summary: 'Make a folder and those above it',
  }),
  route({
    id: 'sandbox.renameFile',
    method: 'POST',
    path: '/v1/sandboxes/:id/files/rename',
    params,
    body: z.strictObject({ from: path, to: path }),
    returns: z.object({}),
    role: 'operator',
    errors: [...file],
    summary: 'Rename a file or folder',
  }),
  route({
    id: 'sandbox.removeFile',
    method: 'DELETE',
    path: '/v1/sandboxes/:id/files',
    params,
    query: z.strictObject({ path }),
    returns: z.object({}),
    role: 'operator',
    errors: [...file],
    summary: 'Remove a file or folder',
  }),
  route({
    id: 'sandbox.gitStatus',
    method: 'GET',
    path: '/v1/sandboxes/:id/repositories/:repository/status',
    params: repoParams,
    returns: RepositoryStatus,
    role: 'viewer',
    errors: [...live],
    summary: 'Git status of a repository in the sandbox',
  }),
  route({
    id: 'sandbox.gitDiff',
    method: 'GET',
    path: '/v1/sandboxes/:id/repositories/:repository/diff',
    params: repoParams,
    returns: z.unknown(),
    answers: 'text',
    role: 'viewer',
    errors: [...live],
    summary: 'Unified diff of the working tree against its commit',
  }),
  route({
    id: 'sandbox.gitCommit',
    method: 'POST',
    path: '/v1/sandboxes/:id/repositories/:repository/commit',
    params: repoParams,
    body: z.strictObject({ message: z.string().min(1).max(10_000) }),
    returns: z.object({ commit: CommitId }),
    role: 'operator',
    errors: [...live, 'request.invalid'],
    summary: 'Commit everything that changed',
  }),
  route({
    id: 'sandbox.gitPush',
    method: 'POST',
    path: '/v1/sandboxes/:id/repositories/:repository/push',
    params: repoParams,
    body: z.strictObject({}),
    returns: z.object({ ref: z.string(), commit: CommitId }),
    role: 'operator',
    errors: [...live, 'push.refused'],
    summary: "Push the branch to the server's hub",
  }),
] as const;
