/** Sandboxes that a person creates. Creation is a saga that the caller waits for; removal is a tombstone. */
import { allows, fail, type Sandbox, type SandboxCreate, sandboxStates } from '@berth/contract';
import { pagesOf } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import {
  branchRef,
  planSandbox,
  type Remover,
  removeFor,
  requestRemoval,
  type SandboxPlan,
} from '../sandbox/index.ts';
import { createSandbox } from '../workflows/machine/create-sandbox.ts';
import { ensurePrebuild } from '../workflows/prebuild/ensure.ts';
import { targetsOf, workspaceOf } from '../workspace/index.ts';

export interface Sandboxes {
  /**
   * Resolves once it runs. Rejects as the saga does, in which case nothing is left behind. Safe to repeat
   * with an id chosen by the caller (of the right kind): a creation already begun under it continues.
   */
  create(request: SandboxCreate, id?: string): Promise<Sandbox>;
  /** Requests the removal. Rejects with `record.missing`, or with `state.illegal` if it is already gone. */
  remove(id: string, remover: Remover): Promise<Sandbox>;
}

/** `stopping` aborts with `Stopped`; a creation in progress then continues at the next start. */
export const createSandboxes = (ports: Ports, stopping: AbortSignal): Sandboxes => ({
  async create(request, id = ports.ids.new('sandbox')) {
    const run = ports.ids.from('saga', id);
    const begun = await ports.store.read((tx) => tx.table('sagas').get(run));
    if (begun !== undefined) await ports.sagas.resume(run, stopping);
    else {
      const input = await planOf(ports, request, { id, signal: stopping });
      await ports.sagas.run(createSandbox, { id: run, input, subject: id, signal: stopping });
    }
    return get(ports, id);
  },
  remove: (id, remover) => ports.store.write((tx) => removeFor(tx, id, remover)),
});

const REMOVAL_POLL_MS = 100;

/** Requests the removal of every sandbox, including those created meanwhile, until none is left. */
export const removeAllSandboxes = async (ports: Ports, signal: AbortSignal): Promise<void> => {
  const { store, clock } = ports;
  const removable = { table: 'sandboxes', where: { state: REMOVABLE } } as const;
  while ((await store.read((tx) => tx.table('sandboxes').count(removable.where))) > 0) {
    for await (const page of pagesOf(store, removable, signal))
      for (const { id } of page)
        await store.write((tx) => requestRemoval(tx, id, { reason: 'the server removes its sandboxes' }));
    await clock.sleep(REMOVAL_POLL_MS, signal);
  }
};

/** States in which a sandbox can be removed on request or is already being removed. */
const REMOVABLE = (Object.keys(sandboxStates) as Sandbox['state'][]).filter(
  (state) => state === 'deleting' || allows(sandboxStates, state, 'removal_asked'),
);

const planOf = async (
  ports: Ports,
  request: SandboxCreate,
  { id, signal }: { readonly id: string; readonly signal: AbortSignal },
): Promise<SandboxPlan> => {
  const { workspaceId, ttlMs, ...asked } = request;
  const expiresAt = ttlMs === undefined ? undefined : ports.clock.now() + ttlMs;
  const own = { ...asked, id, purpose: 'manual', expiresAt } as const;
  if (workspaceId === undefined) return planSandbox(ports.defaults, undefined, own);
  const workspace = await workspaceOf(ports, workspaceId);
  const commits = await targetsOf(ports, workspace);
  const { driver = workspace.driver, image = workspace.image, isolation } = asked;
  const start = await ensurePrebuild(ports, {
    workspace: { ...workspace, driver, image },
    isolation,
    commits,
    signal,
  });
  const branch = `sandbox/${id}`;
  return planSandbox(ports.defaults, workspace, {
    ...own,
    ...start,
    writeRefs: [branchRef(branch)],
    checkout: workspace.repositories.map(({ name, branch: target }) => ({
      name,
      branch,
      commit: commits[name] ?? '',
      from: branchRef(target),
    })),
  });
};

const get = async ({ store }: Ports, id: string): Promise<Sandbox> => {
  const sandbox = await store.read((tx) => tx.table('sandboxes').get(id));
  if (sandbox === undefined) throw fail('record.missing', { noun: 'sandbox', id });
  return sandbox;
};
