/** The repositories in a sandbox: inspected, committed and pushed from inside it. */
import { z } from 'zod';
import { SandboxId } from './ids.ts';
import { route } from './kernel/route.ts';
import { LIVE_ERRORS } from './sandbox.ts';
import { CommitId, RepositoryName } from './workspace.ts';

export const RepositoryStatus = z
  .object({
    branch: z.string().optional(),
    head: CommitId.optional(),
    changes: z.array(z.object({ path: z.string(), index: z.string(), worktree: z.string() })),
  })
  .meta({ id: 'RepositoryStatus' });
export type RepositoryStatus = z.infer<typeof RepositoryStatus>;

const params = z.strictObject({ id: SandboxId, repository: RepositoryName });

export const sandboxGitRoutes = [
  route({
    id: 'sandbox.gitStatus',
    method: 'GET',
    path: '/v1/sandboxes/:id/repositories/:repository/status',
    params,
    returns: RepositoryStatus,
    role: 'viewer',
    errors: [...LIVE_ERRORS],
    summary: 'Show the git status of a repository in the sandbox',
  }),
  route({
    id: 'sandbox.gitDiff',
    method: 'GET',
    path: '/v1/sandboxes/:id/repositories/:repository/diff',
    params,
    returns: z.unknown(),
    answers: 'text',
    role: 'viewer',
    errors: [...LIVE_ERRORS],
    summary: 'Show the unified diff of the working tree against its commit',
  }),
  route({
    id: 'sandbox.gitCommit',
    method: 'POST',
    path: '/v1/sandboxes/:id/repositories/:repository/commit',
    params,
    body: z.strictObject({ message: z.string().min(1).max(10_000) }),
    returns: z.object({ commit: CommitId }),
    role: 'operator',
    errors: [...LIVE_ERRORS, 'request.invalid'],
    summary: 'Commit all changes',
  }),
  route({
    id: 'sandbox.gitPush',
    method: 'POST',
    path: '/v1/sandboxes/:id/repositories/:repository/push',
    params,
    body: z.strictObject({}),
    returns: z.object({ ref: z.string(), commit: CommitId }),
    role: 'operator',
    errors: [...LIVE_ERRORS, 'push.refused'],
    summary: "Push the branch to the server's hub",
  }),
] as const;
