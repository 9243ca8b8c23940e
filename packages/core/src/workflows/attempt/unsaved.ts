/**
 * Work that git refuses (too large, too slow, no space) is not thrown away: its sandbox is kept for a day, so
 * that a person can retrieve it. Only a few are kept at a time, because each occupies a slot that others
 * need.
 */
import { type Attempt, type ErrorBody, fail, isBerthError, type Sandbox } from '@berth/contract';
import { allRows, type Tx } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';

export const UNSAVED_KEPT_MS = 86_400_000;
const MAX_KEPT_OF_WORKSPACE = 2;
/** Share of the slots under the ceiling. */
const MAX_KEPT_SHARE = 0.25;
/** An attempt also needs a slot for its gate. */
const SLOTS_OF_A_TASK = 2;

/** Errors of git while the work exists and the machine lives. */
const REFUSALS: readonly string[] = ['push.too_large', 'disk.full', 'git.failed', 'git.timeout'];

export interface Unsaved {
  readonly sandbox: { readonly id: string };
  readonly attemptId: string;
  readonly error: unknown;
}

/** Does nothing for a failure that says nothing about the work. */
export const keepUnsaved = async (
  { store, clock, defaults }: Pick<Ports, 'store' | 'clock' | 'defaults'>,
  { sandbox: { id }, attemptId, error }: Unsaved,
): Promise<void> => {
  if (!isBerthError(error) || !REFUSALS.includes(error.code)) return;
  await store.write(async (tx) => {
    const sandbox = await tx.table('sandboxes').get(id);
    if (sandbox?.state !== 'running' || sandbox.unsaved !== undefined) return;
    const tell = (detail: string) =>
      tx.emit({ type: 'attempt.progressed', subject: attemptId, data: { stage: 'unsaved', detail } });
    const full = await whyNoMore(tx, sandbox, defaults);
    if (full !== undefined) return tell(`lost with its sandbox, since ${full}; ${error.message}`);
    const expiresAt = clock.now() + UNSAVED_KEPT_MS;
    const unsaved = error.message;
    await tx.table('sandboxes').update(id, sandbox.revision, { unsaved, expiresAt });
    return tell(`kept in ${id} until ${new Date(expiresAt).toISOString()}: ${unsaved}`);
  });
};

const whyNoMore = async (
  tx: Tx,
  { workspaceId }: Sandbox,
  { maxSandboxes }: Ports['defaults'],
): Promise<string | undefined> => {
  const running = await allRows(tx, { table: 'sandboxes', where: { state: 'running' } });
  const kept = running.filter(({ unsaved }) => unsaved !== undefined);
  const most = Math.min(
    Math.max(1, Math.floor(maxSandboxes * MAX_KEPT_SHARE)),
    maxSandboxes - SLOTS_OF_A_TASK,
  );
  const own = kept.filter((one) => one.workspaceId === workspaceId);
  if (own.length >= MAX_KEPT_OF_WORKSPACE)
    return `${own.map(({ id }) => id).join(' and ')} of this workspace are kept already`;
  return kept.length >= most
    ? `${kept.length} of ${maxSandboxes} sandboxes (maxSandboxes) are kept already`
    : undefined;
};

/**
 * When work restarts from the target while the sandbox of an earlier attempt is still kept, tells the
 * attempt's followers that its work is not used.
 */
export const reportKept = async (
  { store }: Pick<Ports, 'store'>,
  attemptId: string,
  earlier: readonly Attempt[],
): Promise<void> => {
  const ids = earlier.flatMap(({ sandboxId }) => sandboxId ?? []);
  await store.write(async (tx) => {
    for (const id of new Set(ids)) {
      const sandbox = await tx.table('sandboxes').get(id);
      if (sandbox?.state !== 'running' || sandbox.unsaved === undefined) continue;
      const detail = `what an attempt before left in ${id} is not taken up, since git did not take it: ${sandbox.unsaved}`;
      await tx.emit({ type: 'attempt.progressed', subject: attemptId, data: { stage: 'unsaved', detail } });
    }
  });
};

/** Replaces the error with one that says where the work is. A cancel is left unchanged. */
export const withUnsaved = (
  error: ErrorBody | undefined,
  sandbox: Sandbox | undefined,
): ErrorBody | undefined => {
  if (sandbox?.unsaved === undefined || sandbox.expiresAt === undefined) return error;
  if (error === undefined || error.code === 'work.cancelled') return error;
  const { id, unsaved, expiresAt } = sandbox;
  const until = new Date(expiresAt).toISOString();
  return fail('work.unsaved', { id, code: error.code, reason: error.message, unsaved, until }).body;
};
