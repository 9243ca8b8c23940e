/** The branch of a task: `task/<id>`, or the first free of `_v2` … `_v10` when somebody has it already. */
import { fail } from '@berth/contract';
import type { Hub } from '@berth/core';

const LAST_VERSION = 10;

/** Throws `branch.exhausted`. */
export const chooseBranch = (taskId: string, taken: ReadonlySet<string>): string => {
  const branch = `task/${taskId}`;
  for (let version = 1; version <= LAST_VERSION; version += 1) {
    const name = version === 1 ? branch : `${branch}_v${version}`;
    if (!taken.has(name)) return name;
  }
  throw fail('branch.exhausted', { branch });
};

/** A name that is free in every one of the repositories. */
export const freeBranch = async (
  hub: Pick<Hub, 'listRefs'>,
  workspaceId: string,
  repositories: readonly string[],
  taskId: string,
): Promise<string> => {
  const prefix = `refs/heads/task/${taskId}`;
  const lists = await Promise.all(repositories.map((name) => hub.listRefs(workspaceId, name, prefix)));
  const refs = lists.flatMap((list) => Object.keys(list));
  return chooseBranch(taskId, new Set(refs.map((ref) => ref.slice('refs/heads/'.length))));
};
