/**
 * The branch of an attempt: `task/<id>`, or with `_v2` to `_v10` if the name is taken; the same in every
 * repository.
 */
import { fail } from '@berth/contract';
import type { CommitByRepository, Hub } from '../ports.ts';

const MAX_VARIANTS = 10;
const HEADS = 'refs/heads/';

export interface BranchRequest {
  readonly workspaceId: string;
  readonly taskId: string;
  /** The commits at which the branch starts, by repository. */
  readonly bases: CommitByRepository;
  /** Branches of the task that existed before this attempt. */
  readonly used: readonly string[];
}

/**
 * Creates the branch and returns its name. Safe to repeat: it finds the branch of the first call, which is at
 * its base and did not exist before the attempt. Rejects with `branch.exhausted`.
 */
export const createBranch = async (hub: Hub, request: BranchRequest): Promise<string> => {
  for (const name of variantsOf(request.taskId)) if (await claimName(hub, request, name)) return name;
  throw fail('branch.exhausted', { branch: `task/${request.taskId}` });
};

const variantsOf = (taskId: string): string[] =>
  Array.from({ length: MAX_VARIANTS }, (_, n) => `task/${taskId}${n === 0 ? '' : `_v${n + 1}`}`);

const claimName = async (hub: Hub, request: BranchRequest, name: string): Promise<boolean> => {
  const ref = `${HEADS}${name}`;
  const ours = !request.used.includes(name);
  const bases = Object.entries(request.bases);
  for (const [repository, base] of bases) {
    const tip = await hub.resolve(request.workspaceId, repository, ref);
    if (tip !== undefined && !(ours && tip === base)) return false;
  }
  for (const [repository, base] of bases)
    await hub.swap(request.workspaceId, repository, ref, undefined, base);
  return true;
};

/** Removes this request's branches wherever nothing was added to them. A branch with work on it stays. */
export const dropUnworkedBranches = async (hub: Hub, request: BranchRequest): Promise<void> => {
  const { workspaceId, taskId, used } = request;
  for (const [repository, base] of Object.entries(request.bases)) {
    const refs = await hub.listRefs(workspaceId, repository, `${HEADS}task/${taskId}`);
    for (const [ref, tip] of Object.entries(refs))
      if (tip === base && !used.includes(ref.slice(HEADS.length)))
        await hub.swap(workspaceId, repository, ref, base, undefined);
  }
};
