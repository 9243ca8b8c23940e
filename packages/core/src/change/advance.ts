/**
 * Moves the targets: each by compare-and-swap from the commit it was merged with to the merge, after keeping
 * the revert point under a ref of its own. Safe to repeat: a target that already contains the merge, at its
 * tip or below later landings, counts as moved.
 *
 * A verdict was reached on all repositories of the workspace, so those that the change leaves alone must be where
 * they were, too. Whoever moves a target of the workspace does so exclusively (`Precedence.exclusively`);
 * otherwise two changes could each pass this check before the other moves.
 *
 * Several repositories cannot move atomically. They move in order; if one of them has moved elsewhere, those
 * before it move back, and the change has not landed.
 */
import { fail } from '@berth/contract';
import type { Hub } from '../ports.ts';
import { dropRef, type MergedPart, revertRef, targetRef } from './merge.ts';

/** A repository that a change leaves alone, at the commit on which the change was judged. */
type JudgedBeside = Pick<MergedPart, 'repository' | 'target'> & {
  /** Absent for a repository that the verdict knows nothing of. */
  readonly base: string | undefined;
};

export interface Landing {
  readonly changeId: string;
  readonly workspaceId: string;
  readonly parts: readonly MergedPart[];
}

/** Rejects with `change.target_moved`, in which case nothing has moved. */
export const advanceTargets = async (
  hub: Hub,
  landing: Landing,
  beside: readonly JudgedBeside[],
): Promise<void> => {
  const { changeId, workspaceId, parts } = landing;
  const elsewhere = await firstElsewhere(hub, workspaceId, beside);
  // If a part has moved before a crash, everything else was unmoved then, and what moved since built on it.
  if (elsewhere !== undefined && !(await hasBegun(hub, landing)))
    throw fail('change.target_moved', { id: changeId, target: elsewhere.target });
  for (const [index, part] of parts.entries()) {
    await hub.swap(workspaceId, part.repository, revertRef(changeId), undefined, part.base);
    if (await advance(hub, workspaceId, part)) continue;
    await withdrawTargets(hub, { ...landing, parts: parts.slice(0, index) });
    throw fail('change.target_moved', { id: changeId, target: part.target });
  }
};

/**
 * Moves back what this change moved. Rejects with `change.target_moved` if other work has landed on top:
 * undoing this change would undo that work, too, so a person has to look.
 */
export const withdrawTargets = async (hub: Hub, landing: Landing): Promise<void> => {
  const { changeId, workspaceId, parts } = landing;
  for (const part of parts.toReversed()) {
    const ref = targetRef(part);
    if (await hub.swap(workspaceId, part.repository, ref, part.merge, part.base)) continue;
    if (await holds(hub, workspaceId, part))
      throw fail('change.target_moved', { id: changeId, target: part.target });
  }
  await dropRef(
    hub,
    workspaceId,
    parts.map((part) => part.repository),
    revertRef(changeId),
  );
};

const firstElsewhere = async (
  hub: Hub,
  workspaceId: string,
  beside: readonly JudgedBeside[],
): Promise<JudgedBeside | undefined> => {
  for (const one of beside)
    if (
      (await hub.resolve(workspaceId, one.repository, targetRef(one))) !== one.base ||
      one.base === undefined
    )
      return one;
  return undefined;
};

const hasBegun = async (hub: Hub, { workspaceId, parts }: Landing): Promise<boolean> => {
  for (const part of parts) if (await holds(hub, workspaceId, part)) return true;
  return false;
};

const advance = async (hub: Hub, workspaceId: string, part: MergedPart): Promise<boolean> =>
  (await hub.swap(workspaceId, part.repository, targetRef(part), part.base, part.merge)) ||
  (await holds(hub, workspaceId, part));

const holds = async (hub: Hub, workspaceId: string, part: MergedPart): Promise<boolean> => {
  const tip = await hub.resolve(workspaceId, part.repository, targetRef(part));
  return tip !== undefined && (await hub.contains(workspaceId, part.repository, tip, part.merge));
};
