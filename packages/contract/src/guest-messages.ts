/**
 * JSON schemas of the guest protocol (`guest.ts`). The server validates every answer with them; the guest imports
 * only their types. Strings from a guest are capped: they are shown to people and stored in records.
 */
import { z } from 'zod';
import { GUEST_LIMITS } from './guest.ts';
import { FileEntry } from './sandbox-files.ts';

const text = z.string().max(4096);
const port = z.int().min(0).max(65_535);

export const GuestHealth = z.object({
  version: z.int(),
  id: text,
  pid: z.int(),
  uptimeMs: z.number(),
  internalPort: port,
  proxyPort: port,
  root: text,
  home: text,
  node: text,
  terminals: z.boolean(),
});
export type GuestHealth = z.infer<typeof GuestHealth>;

export const GuestExecStart = z.object({
  id: z.string().min(1).max(GUEST_LIMITS.execIdLength),
  argv: z.array(z.string()).min(1),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  timeoutMs: z.number().positive().optional(),
  keep: z.enum(['all', 'tail']).optional(),
  /** UTF-8 text for stdin, which is then closed. Absent: stdin stays open for `input` requests. */
  input: z.string().optional(),
  /** Answer with the output as frames instead of one `GuestExec`. */
  follow: z.boolean().optional(),
  /** The process waits for `release` before it execs the program, so that it can be moved into a cgroup first. */
  held: z.boolean().optional(),
  /**
   * A program of Berth's: looked up only in folders that nothing inside can write to, with only that path and `env`
   * in its environment.
   */
  system: z.boolean().optional(),
});
export type GuestExecStart = z.infer<typeof GuestExecStart>;

export const GuestExit = z.object({
  exitCode: z.int().nullable(),
  signal: z.string().max(20).optional(),
  timedOut: z.boolean(),
  outOfMemory: z.boolean(),
  durationMs: z.number(),
});
export type GuestExit = z.infer<typeof GuestExit>;

export const GuestExec = z.object({
  id: z.string().max(GUEST_LIMITS.execIdLength),
  pid: z.int(),
  command: text,
  startedAt: z.number(),
  stdoutBytes: z.number(),
  stderrBytes: z.number(),
  inputBytes: z.number(),
  /** Started `held` and not yet released, or ended before release. */
  held: z.boolean().optional(),
  /** Started `held` and released: the releaser has moved it into its cgroup. */
  released: z.boolean().optional(),
  exit: GuestExit.optional(),
});
export type GuestExec = z.infer<typeof GuestExec>;

export const GuestExecList = z.object({ execs: z.array(GuestExec).max(GUEST_LIMITS.liveExecs) });
export const GuestInput = z.object({ receivedBytes: z.number() });
export const GuestWritten = z.object({ sizeBytes: z.number() });

export const GuestEntries = z.object({
  entries: z.array(FileEntry.extend({ name: text })).max(GUEST_LIMITS.folderEntries),
});

export const GuestFileChange = z.object({
  kind: z.enum(['changed', 'renamed', 'overflow']),
  path: text,
});
export type GuestFileChange = z.infer<typeof GuestFileChange>;

export const GuestPtyStart = z.object({
  id: z.string().min(1).max(GUEST_LIMITS.execIdLength),
  argv: z.array(z.string()).min(1),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  columns: z.int().min(1).max(1000),
  rows: z.int().min(1).max(1000),
});
export type GuestPtyStart = z.infer<typeof GuestPtyStart>;

export const GuestPty = z.object({
  id: z.string().max(GUEST_LIMITS.execIdLength),
  pid: z.int(),
  exit: z.object({ exitCode: z.int().nullable(), signal: z.string().max(20).optional() }).optional(),
});
export type GuestPty = z.infer<typeof GuestPty>;

/** Why the guest refuses: a code of the error catalogue with its data. */
export const GuestRefusal = z.discriminatedUnion('code', [
  z.object({ code: z.literal('exec.missing'), data: z.object({ id: text }) }),
  z.object({ code: z.literal('exec.not_startable'), data: z.object({ command: text, reason: text }) }),
  z.object({ code: z.literal('file.missing'), data: z.object({ path: text }) }),
  z.object({ code: z.literal('file.refused'), data: z.object({ path: text, reason: text }) }),
  z.object({ code: z.literal('disk.full'), data: z.object({ path: text }) }),
  z.object({
    code: z.literal('request.invalid'),
    data: z.object({ issues: z.array(z.object({ path: text, message: text })).max(20) }),
  }),
]);
export type GuestRefusal = z.infer<typeof GuestRefusal>;
