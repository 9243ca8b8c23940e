/** A change: a branch on its way to its target. */
import { z } from 'zod';
import { ErrorBody } from './errors.ts';
import { AttemptId, ChangeId, GateRunId, TaskId } from './ids.ts';
import { eventsOf } from './kernel/event.ts';
import { route } from './kernel/route.ts';
import { stateOf, table } from './kernel/states.ts';
import { pageOf, pageQuery, recordFields } from './page.ts';
import { BranchName, CommitId, RepositoryName } from './workspace.ts';

export const changeStates = table({
  pending: { verification_started: 'verifying', rejected: 'rejected' },
  verifying: { approved: 'approved', rejected: 'rejected' },
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
    /** The target before the change: where a revert leads back to. */
    base: CommitId.optional(),
    /** The merge of head into base: what was verified, and what landed. */
    merge: CommitId.optional(),
  })
  .meta({ id: 'ChangePart' });
export type ChangePart = z.infer<typeof ChangePart>;

export const Change = z
  .object({
    id: ChangeId,
    state: stateOf(changeStates),
    taskId: TaskId,
    attemptId: AttemptId,
    title: z.string(),
    parts: z.array(ChangePart),
    gateRunId: GateRunId.optional(),
    error: ErrorBody.optional(),
    ...recordFields,
  })
  .meta({ id: 'Change' });
export type Change = z.infer<typeof Change>;

export const changeEvents = eventsOf('change', changeStates);

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
    summary: 'The unified diff that the change makes to its target',
  }),
] as const;
