/** Merges the parts of a change into their current targets, in the hub and without a working tree. */
import { type ChangePart, fail } from '@berth/contract';
import type { Hub } from '../ports.ts';

/** A merged part, which lands by moving the target from `base` to `merge`. */
export type MergedPart = ChangePart & { readonly base: string; readonly merge: string };

export interface ChangeToMerge {
  readonly id: string;
  readonly workspaceId: string;
  readonly attemptId: string;
  readonly title: string;
  readonly createdAt: number;
  readonly agent: string;
  readonly parts: readonly ChangePart[];
}

/**
 * Keeps the merge for as long as the change exists and a while longer, so that what was verified stays
 * readable.
 */
export const changeRef = (changeId: string): string => `refs/berth/changes/${changeId}`;
/** The merge with the target's judges, while it is judged. */
export const judgeRef = (changeId: string): string => `refs/berth/judges/${changeId}`;
/** The target's commit before the change. */
export const revertRef = (changeId: string): string => `refs/berth/revert/${changeId}`;
export const targetRef = (part: Pick<ChangePart, 'target'>): string => `refs/heads/${part.target}`;

/**
 * Returns only the parts that contain changes. Rejects with `branch.missing`, with `change.conflicted`
 * listing every conflict of every part, or with `agent.no_change` if no part contains changes.
 */
export const mergeParts = async (hub: Hub, change: ChangeToMerge): Promise<MergedPart[]> => {
  const merged: MergedPart[] = [];
  const conflicts: { repository: string; target: string; paths: string[] }[] = [];
  for (const part of change.parts) {
    const base = await hub.resolve(change.workspaceId, part.repository, targetRef(part));
    if (base === undefined)
      throw fail('branch.missing', { repository: part.repository, branch: part.target });
    const result = await hub.merge(change.workspaceId, part.repository, {
      base,
      head: part.head,
      message: messageOf(change),
      at: change.createdAt,
      keepAt: changeRef(change.id),
    });
    if (result.kind === 'merged') merged.push({ ...part, base, merge: result.commit });
    if (result.kind === 'conflict')
      conflicts.push({ repository: part.repository, target: part.target, paths: [...result.paths] });
  }
  if (conflicts.length > 0) throw conflicted(change.id, conflicts);
  if (merged.length === 0) throw fail('agent.no_change', { agent: change.agent });
  return merged;
};

const messageOf = ({ id, title, attemptId }: ChangeToMerge): string =>
  `${title}\n\nBerth-Change: ${id}\nBerth-Attempt: ${attemptId}\n`;

const conflicted = (
  id: string,
  conflicts: readonly { repository: string; target: string; paths: string[] }[],
) =>
  fail('change.conflicted', {
    id,
    paths: conflicts.flatMap(({ repository, paths }) => paths.map((path) => `${repository}/${path}`)),
    conflicts: [...conflicts],
  });

/** Removes one hidden ref of a change from every repository that has it. */
export const dropRef = async (
  hub: Hub,
  workspaceId: string,
  repositories: readonly string[],
  ref: string,
): Promise<void> => {
  for (const repository of repositories) {
    const commit = await hub.resolve(workspaceId, repository, ref);
    if (commit !== undefined) await hub.swap(workspaceId, repository, ref, commit, undefined);
  }
};
