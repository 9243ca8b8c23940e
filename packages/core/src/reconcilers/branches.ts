/**
 * Deletes hidden refs of changes and turns, and task branches without contributions, that have been untouched
 * for long: what landed is in the target's history. Work that never landed stays on its branch for as long as
 * its task's record exists (`history.ts`). A ref whose record is unknown is left alone.
 */
import { attemptStates, changeStates, ENDED_TASK_STATES, finalOf, type Workspace } from '@berth/contract';
import { defineReconciler, pagesOf, type ReadTx, type Summary } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { forEachIsolated } from './isolated.ts';

const MAX_PER_PASS = 500;

export const branchReconciler = defineReconciler<Ports>({
  name: 'branches',
  everyMs: 3_600_000,
  wakeOn: [],
  async pass(ports, signal): Promise<Summary> {
    const workspaces = (await Array.fromAsync(pagesOf(ports.store, { table: 'workspaces' }, signal))).flat();
    const targets = workspaces.flatMap((workspace) =>
      workspace.repositories.map(({ name, branch }) => ({
        id: `refs of ${workspace.id}/${name}`,
        ...{ workspace, repository: name, target: branch },
      })),
    );
    let dropped = 0;
    const { failed } = await forEachIsolated(ports, targets, signal, async (branch) => {
      if (dropped < MAX_PER_PASS) dropped += await sweep(ports, branch);
    });
    return { dropped, failed };
  },
});

interface TargetBranch {
  readonly workspace: Workspace;
  readonly repository: string;
  readonly target: string;
}

const PREFIXES = ['refs/berth/changes/', 'refs/berth/revert/', 'refs/berth/turns/', 'refs/heads/task/'];

const sweep = async (ports: Ports, branch: TargetBranch): Promise<number> => {
  const { hub, store, clock, retention } = ports;
  const before = clock.now() - retention.refsMs;
  let dropped = 0;
  for (const prefix of PREFIXES) {
    const refs = await hub.listRefs(branch.workspace.id, branch.repository, prefix);
    for (const [ref, commit] of Object.entries(refs)) {
      if (!(await store.read((tx) => isPast(tx, ref.slice(prefix.length), before)))) continue;
      if (prefix === 'refs/heads/task/' && !(await isLanded(ports, branch, commit))) continue;
      if (await hub.swap(branch.workspace.id, branch.repository, ref, commit, undefined)) dropped += 1;
    }
  }
  return dropped;
};

/** Whether the record a ref is named after ended long ago. */
const isPast = async (tx: ReadTx, name: string, before: number): Promise<boolean> => {
  const [id = ''] = name.split(/[/_](?=v\d+$|\d+$)/);
  const record =
    (await tx.table('changes').get(id)) ??
    (await tx.table('attempts').get(id)) ??
    (await tx.table('tasks').get(id));
  return record !== undefined && ENDED.has(record.state) && record.updatedAt < before;
};

const ENDED: ReadonlySet<string> = new Set([
  ...finalOf(changeStates),
  ...finalOf(attemptStates),
  ...ENDED_TASK_STATES,
]);

const isLanded = async ({ hub }: Ports, branch: TargetBranch, commit: string): Promise<boolean> => {
  const { workspace, repository, target } = branch;
  const tip = await hub.resolve(workspace.id, repository, `refs/heads/${target}`);
  return tip !== undefined && hub.contains(workspace.id, repository, tip, commit);
};
