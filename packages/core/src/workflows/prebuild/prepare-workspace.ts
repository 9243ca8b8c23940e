/**
 * Runs a workspace's set-up once: creates a sandbox with the repositories, runs the set-up, keeps the disk as
 * a layer and removes the sandbox. A reconciler deletes older layers, but only once a newer one is ready.
 */
import { fail } from '@berth/contract';
import type { KeptOfDisk } from '@berth/plugin-api';
import {
  causeOf,
  endChild,
  nothingToUndo,
  type Patch,
  type Prebuild,
  saga,
  type Tx,
  unlessAborted,
} from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { keptOfSetup } from '../../prebuild/index.ts';
import { requestRemoval, type SandboxPlan } from '../../sandbox/index.ts';
import { createSandbox } from '../machine/create-sandbox.ts';
import { inMachine } from '../machine/life.ts';

export interface PrepareInput {
  /** The record, which exists as `building` before the saga starts. */
  readonly prebuildId: string;
  readonly sandbox: SandboxPlan;
  /** Built from commits that have not landed, for one attempt. */
  readonly isPrivate: boolean;
}

export const prepareWorkspace = saga<Ports, PrepareInput>('workspace.prepare', 1)
  .step('record', {
    undo: nothingToUndo('the record stays, to say why it failed'),
    unsave: async (tx, { input, run }) => {
      await settle(tx, input.prebuildId, { state: 'failed', error: await causeOf(tx, run) });
    },
  })
  .step('sandbox', {
    do: ({ ports, input, key, signal }) =>
      ports.sagas.run(createSandbox, {
        id: ports.ids.from('saga', key),
        input: input.sandbox,
        subject: input.sandbox.id,
        signal,
      }),
    undo: ({ ports, key }) => endChild(ports, ports.ids.from('saga', key), 'the set-up was given up'),
    unsave: (tx, { input, run }) =>
      requestRemoval(tx, input.sandbox.id, { reason: 'the set-up was given up', causedBy: run }),
  })
  .step('layer', {
    do: async ({ ports, input, out, signal }) => {
      const { driver } = out.sandbox;
      const { snapshots } = ports.machines.facets(driver);
      if (snapshots === undefined) throw fail('driver.unsupported', { driver, facet: 'snapshots' });
      // If the machine has died, writes that had not reached its disk would be missing from the layer.
      const where = { id: input.sandbox.id, driver, signal };
      await inMachine(ports, where, (sandbox) => unlessAborted(sandbox.metrics(), signal));
      if (!input.isPrivate) await checkLanded(ports, input.sandbox);
      return snapshots.take(input.sandbox.id, await keptOf(ports, input.sandbox));
    },
    save: (tx, { input }, { layer, sizeBytes }) =>
      settle(tx, input.prebuildId, { state: 'ready', layer, sizeBytes }),
    undo: nothingToUndo('a layer that no prebuild names is dropped by a reconciler'),
  })
  .pointOfNoReturn()
  .step('remove', {
    save: (tx, { input, run }) =>
      requestRemoval(tx, input.sandbox.id, { reason: 'the set-up is done', causedBy: run }),
  })
  .returns(({ out }) => ({ layer: out.layer.layer }));

const keptOf = async (
  { hub }: Ports,
  { workspaceId = '', checkout, setup }: SandboxPlan,
): Promise<KeptOfDisk> => {
  const files: Record<string, Readonly<Record<string, string>>> = {};
  for (const { name, commit } of checkout) files[name] = await hub.files(workspaceId, name, commit);
  return keptOfSetup(files, setup?.keep);
};

/** A target may move back during its set-up, if a landing in several repositories fails in one of them. */
const checkLanded = async (
  { hub, store }: Ports,
  { workspaceId = '', checkout }: SandboxPlan,
): Promise<void> => {
  const workspace = await store.read((tx) => tx.table('workspaces').get(workspaceId));
  for (const { name, commit } of checkout) {
    const branch = workspace?.repositories.find((one) => one.name === name)?.branch;
    const tip = branch && (await hub.resolve(workspaceId, name, `refs/heads/${branch}`));
    if (!tip || !(await hub.contains(workspaceId, name, tip, commit)))
      throw fail('work.cancelled', { reason: 'the target branch went back during the set-up' });
  }
};

export const settle = async (tx: Tx, id: string, patch: Patch<Prebuild>): Promise<void> => {
  const prebuild = await tx.table('prebuilds').get(id);
  if (prebuild !== undefined) await tx.table('prebuilds').update(id, prebuild.revision, patch);
};
