/** Merges the parts of a change into their targets as they are now, in the hub, without a working tree. */
import { type ChangePart, fail } from '@berth/contract';
import type { Hub } from '../ports.ts';

/** A part after its merge: it lands by moving the target from `base` to `merge`. */
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

/** Holds the merge while the change lives, and for a while after: what was verified stays readable. */
export const changeRef = (changeId: string): string => `refs/berth/changes/${changeId}`;
/** The merge as it is judged by the target, while it is judged. */
export const judgeRef = (changeId: string): string => `refs/berth/judges/${changeId}`;
/** The target before the change. */
export const revertRef = (changeId: string): string => `refs/berth/revert/${changeId}`;
export const targetRef = (part: Pick<ChangePart, 'target'>): string => `refs/heads/${part.target}`;

/**
 * Only parts that bring something are returned. Rejects with `branch.missing`, `change.conflicted` with every
 * conflict of every part, or `agent.no_change` when no part brings anything.
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
