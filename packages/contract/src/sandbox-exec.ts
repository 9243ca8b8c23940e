/** Commands and terminals in a sandbox. */
import { z } from 'zod';
import { ExecId, SandboxId } from './ids.ts';
import { route } from './kernel/route.ts';
import { LIVE_ERRORS } from './sandbox.ts';

const EnvName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'must be letters, digits and "_", no digit first');

export const ExecRequest = z.strictObject({
  /** Argument vector; never interpreted by a shell. Either this or `shell`. */
  argv: z.array(z.string().max(131_072)).min(1).max(1000).optional(),
  /** A line for `sh -c`. */
  shell: z.string().min(1).max(131_072).optional(),
  /** Absolute, or relative to the sandbox's root. */
  cwd: z.string().max(4096).optional(),
  env: z.record(EnvName, z.string().max(131_072)).optional(),
  stdin: z.string().max(1_048_576).optional(),
  timeoutMs: z.int().min(1).max(86_400_000).optional(),
  /** Return immediately; read the output with `exec.logs`. */
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
    /** Only the end when the output exceeded the cap; then `truncated` is true. UTF-8. */
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean(),
    durationMs: z.number(),
  })
  .meta({ id: 'ExecResult' });
export type ExecResult = z.infer<typeof ExecResult>;

/** A chunk of a command's output, or its end. Cursors count bytes per stream. */
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

const params = z.strictObject({ id: SandboxId });

export const sandboxExecRoutes = [
  route({
    id: 'sandbox.exec',
    method: 'POST',
    path: '/v1/sandboxes/:id/exec',
    params,
    body: ExecRequest,
    returns: ExecResult,
    role: 'operator',
    errors: [...LIVE_ERRORS, 'exec.not_startable'],
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
    errors: [...LIVE_ERRORS, 'exec.missing'],
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
    errors: [...LIVE_ERRORS, 'exec.missing'],
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
    errors: [...LIVE_ERRORS],
    summary: 'A terminal over WebSocket: binary frames are bytes, text frames are {"columns","rows"}',
  }),
] as const;
