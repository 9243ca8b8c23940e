/** A change: a branch on its way to its target. */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { Weakening } from './gate.ts';
import { AttemptId, ChangeId, GateRunId, TaskId } from './ids.ts';
import { eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { stateOf, table } from './kernel/states.ts';
import { Instant, pageOf, pageQuery, recordFields } from './page.ts';
import { BranchName, CommitId, RepositoryName } from './workspace.ts';

export const changeStates = table({
  pending: { verification_started: 'verifying', rejected: 'rejected' },
  verifying: { approval_asked: 'waiting', approved: 'approved', rejected: 'rejected' },
  /** It passes, but weakens the gate: awaiting approval (`change.approve`, `change.reject`). */
  waiting: { approved: 'approved', rejected: 'rejected' },
  approved: { merge_started: 'merging', rejected: 'rejected' },
  merging: { merged: 'merged', rejected: 'rejected' },
  merged: {},
  rejected: {},
});

/** One repository's part of a change. */
export const ChangePart = z
  .object({
    repository: RepositoryName,
    branch: z.string(),
    target: BranchName,
    head: CommitId,
    /** The target's commit before the change: the revert point. */
    base: CommitId.optional(),
    /** The merge of head into base: the commit that was verified and landed. */
    merge: CommitId.optional(),
  })
  .meta({ id: 'ChangePart' });
export type ChangePart = z.infer<typeof ChangePart>;

export const ChangeDecision = z
  .object({
    verdict: z.enum(['approved', 'rejected']),
    /** Id of the token that decided; `server` when the approval timed out. */
    by: z.string(),
    /** Name of that token. */
    byName: z.string().optional(),
    at: Instant,
    reason: z.string().optional(),
  })
  .meta({ id: 'ChangeDecision' });
export type ChangeDecision = z.infer<typeof ChangeDecision>;

/** Event data when a change starts waiting for approval. */
export const ApprovalAsked = z.object({ changeId: ChangeId, subjects: z.array(z.string()) });

export const Change = z
  .object({
    id: ChangeId,
    state: stateOf(changeStates),
    taskId: TaskId,
    attemptId: AttemptId,
    title: z.string(),
    parts: z.array(ChangePart),
    gateRunId: GateRunId.optional(),
    /** What needs approval. */
    weakened: z.array(Weakening).optional(),
    decision: ChangeDecision.optional(),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'Change' });
export type Change = z.infer<typeof Change>;

/** Whether it is up to a person; a rejected change stays in its state until its run has recorded the end. */
export const isUndecided = ({ state, decision }: Pick<Change, 'state' | 'decision'>): boolean =>
  state === 'waiting' && decision === undefined;

/** Why a change did not land, when an error says so. */
const Rejected = z.object({ code: z.string().optional() });

export const changeEvents = eventsOf('change', changeStates, {
  approval_asked: ApprovalAsked,
  rejected: Rejected,
});

const params = z.strictObject({ id: ChangeId });
export const changeRoutes = [
  route({
    id: 'change.list',
    method: 'GET',
    path: '/v1/changes',
    query: z.strictObject({ ...pageQuery, taskId: TaskId.optional() }),
    returns: pageOf(Change),
    role: 'viewer',
    errors: [],
    summary: 'List changes',
  }),
  route({
    id: 'change.get',
    method: 'GET',
    path: '/v1/changes/:id',
    params,
    returns: Change,
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show a change',
  }),
  route({
    id: 'change.diff',
    method: 'GET',
    path: '/v1/changes/:id/diff',
    params,
    returns: z.unknown(),
    answers: 'text',
    role: 'viewer',
    errors: ['record.missing'],
    summary: 'Show the unified diff of a change against its target',
  }),
  route({
    id: 'change.approve',
    method: 'POST',
    path: '/v1/changes/:id/approve',
    params,
    body: z.strictObject({ reason: z.string().max(1000).optional() }),
    returns: Change,
    status: 202,
    role: 'operator',
    errors: ['record.missing', 'state.illegal'],
    summary: 'Approve a change that weakens its gate: it lands as verified',
  }),
  route({
    id: 'change.reject',
    method: 'POST',
    path: '/v1/changes/:id/reject',
    params,
    body: z.strictObject({ reason: z.string().max(1000).optional() }),
    returns: Change,
    status: 202,
    role: 'operator',
    errors: ['record.missing', 'state.illegal'],
    summary: 'Reject a change that weakens its gate: its task fails, the work is kept',
  }),
] as const;
