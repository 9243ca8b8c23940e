/**
 * The landing itself: every target moves from the commit that the merge was made on to the merge, by compare-and-swap,
 * after the revert point has been kept under a ref of its own. It may be repeated: a target that holds the merge already,
 * at its tip or below what landed since, has been moved.
 *
 * Several repositories cannot move in one instant. They move in order; when one of them moved elsewhere, those before
 * it go back, and the change has not landed.
 */
import { fail } from '@berth/contract';
import type { Hub } from '../ports.ts';
import { dropRef, type MergedPart, revertRef, targetRef } from './merge.ts';

export interface Landing {
  readonly changeId: string;
  readonly workspaceId: string;
  readonly parts: readonly MergedPart[];
}

/** Rejects with `change.target_moved`; nothing has moved then. */
export const advanceTargets = async (hub: Hub, landing: Landing): Promise<void> => {
  const { changeId, workspaceId, parts } = landing;
  for (const [index, part] of parts.entries()) {
    await hub.swap(workspaceId, part.repository, revertRef(changeId), undefined, part.base);
    if (await advance(hub, workspaceId, part)) continue;
    await withdrawTargets(hub, { ...landing, parts: parts.slice(0, index) });
    throw fail('change.target_moved', { id: changeId, target: part.target });
  }
};

/**
 * Moves back what this change moved. Rejects with `change.target_moved` when other work has landed on top of it: that
 * cannot be taken back without taking the other work with it, and somebody has to look.
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

const advance = async (hub: Hub, workspaceId: string, part: MergedPart): Promise<boolean> =>
  (await hub.swap(workspaceId, part.repository, targetRef(part), part.base, part.merge)) ||
  (await holds(hub, workspaceId, part));

const holds = async (hub: Hub, workspaceId: string, part: MergedPart): Promise<boolean> => {
  const tip = await hub.resolve(workspaceId, part.repository, targetRef(part));
  return tip !== undefined && (await hub.contains(workspaceId, part.repository, tip, part.merge));
};
