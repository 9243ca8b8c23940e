/**
 * Creates a sandbox: record, rights, machine, checkout, set-up. It stays `creating` and unusable until the
 * last step; if a step fails, everything is undone and the record ends as `destroyed` with the reason.
 */
import type { Sandbox } from '@berth/contract';
import type { Sandbox as MachineInside } from '@berth/plugin-api';
import { causeOf, move, nothingToUndo, saga, type Tx } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { readRefsOf, removedUnderWork, type SandboxPlan } from '../../sandbox/index.ts';
import { inNewMachine, makeMachine, unenforcedLines } from './life.ts';
import { runSetup } from './run-setup.ts';

export const createSandbox = saga<Ports, SandboxPlan>('sandbox.create', 1)
  .step('driver', {
    do: ({ ports, input }) => ports.machines.choose({ driver: input.driver, isolation: input.isolation }),
    undo: nothingToUndo('a choice costs nothing'),
  })
  .step('record', {
    save: (tx, { ports, input, out, run }) => insertRecord(tx, ports, { input, ...out, run }),
    undo: nothingToUndo('the record stays, as a fact; unsave ends it'),
    unsave: (tx, { input, run }) => endRecord(tx, input.id, run),
  })
  .step('grant', {
    save: async (tx, { ports, input }) => {
      const { id, attemptId, workspaceId, writeRefs } = input;
      const readRefs = await readRefsOf(tx, input);
      const hash = ports.grants.hash(ports.grants.tokenFor(id));
      await tx
        .table('grants')
        .insert({ id, sandboxId: id, attemptId, workspaceId, hash, readRefs, writeRefs });
    },
    undo: nothingToUndo('a grant is a row'),
    unsave: async (tx, { input }) => {
      await tx.table('grants').remove(input.id);
    },
  })
  .step('machine', {
    do: async ({ ports, input, out, signal }) => {
      const machine = await makeMachine(ports, { plan: input, driver: out.driver.name, signal });
      return { root: machine.root, unenforced: unenforcedLines(machine) };
    },
    save: async (tx, { input }, { root, unenforced }) => {
      const record = await tx.table('sandboxes').get(input.id);
      if (record !== undefined)
        await tx.table('sandboxes').update(record.id, record.revision, { root, unenforced });
    },
    undo: ({ ports, input, out }) => ports.machines.destroy(out.driver.name, input.id),
    tries: 2,
  })
  .step('open', {
    do: ({ ports, input, out, signal }) =>
      inNewMachine(ports, { plan: input, driver: out.driver.name, signal }, async () => undefined),
    undo: nothingToUndo('connections end with the machine'),
    tries: 3,
  })
  .step('checkout', {
    do: async ({ ports, input, out, run, signal }) => {
      if (input.workspaceId === undefined || input.checkout.length === 0) return;
      await inNewMachine(ports, { plan: input, driver: out.driver.name, signal }, (sandbox) =>
        checkOut(ports, sandbox, { plan: input, run, signal }),
      );
    },
    undo: nothingToUndo('the files die with the machine'),
    tries: 3,
  })
  .step('setup', {
    do: async ({ ports, input, out, key, run, signal }) => {
      const { setup, checkout } = input;
      if (setup === undefined) return;
      await inNewMachine(ports, { plan: input, driver: out.driver.name, signal }, async (sandbox) => {
        // Does nothing if it has already been done in this very machine.
        await checkOut(ports, sandbox, { plan: input, run, signal });
        await runSetup(ports, { sandbox, setup, checkout, key, signal });
        const repositories = checkout.map(({ name }) => name);
        await ports.checkouts.settle(sandbox, { key, repositories, signal });
      });
    },
    undo: nothingToUndo('the files die with the machine'),
  })
  .step('running', {
    save: async (tx, { input, run }) => {
      const removed = removedUnderWork(await tx.table('sandboxes').get(input.id));
      if (removed !== undefined) throw removed;
      // Until now, the set-up's own egress policy applied.
      const patch = { egress: input.egress };
      await move(tx, 'sandboxes', input.id, { trigger: 'created', patch, causedBy: run });
    },
    undo: nothingToUndo('it is the last step'),
  })
  .returns(({ input, out }) => ({ id: input.id, driver: out.driver.name, root: out.machine.root }));

interface CheckingOut {
  readonly plan: SandboxPlan;
  readonly run: string;
  readonly signal: AbortSignal;
}

const checkOut = async (
  { checkouts, grants }: Ports,
  sandbox: MachineInside,
  { plan: { id, workspaceId, checkout }, run, signal }: CheckingOut,
): Promise<void> => {
  if (workspaceId === undefined || checkout.length === 0) return;
  const [key, token] = [`${run}/checkout`, grants.tokenFor(id)];
  await checkouts.clone(sandbox, { key, workspaceId, repositories: checkout, token, signal });
};

interface Chosen {
  readonly run: string;
  readonly input: SandboxPlan;
  readonly driver: { readonly name: string; readonly isolation: Sandbox['isolation'] };
}

/** Only sandboxes with a machine occupy a slot. */
const insertRecord = async (tx: Tx, { slots }: Ports, { input, driver, run }: Chosen): Promise<void> => {
  const sandboxes = tx.table('sandboxes');
  // Work waits for a slot under the ceiling; a person gets an error at once.
  const since = (await tx.table('sagas').get(run))?.createdAt ?? 0;
  if (input.purpose === 'manual') await slots.assertFreeNow(tx);
  else await slots.assertFree(tx, { purpose: input.purpose, since });
  const { id, purpose, workspaceId, attemptId, image, limits, expiresAt } = input;
  await sandboxes.insert({
    id,
    state: 'creating',
    purpose,
    workspaceId,
    attemptId,
    driver: driver.name,
    isolation: driver.isolation,
    image,
    limits,
    egress: input.setup?.egress ?? input.egress,
    root: '/workspace',
    expiresAt,
  });
};

/** A record with a pending removal is left to the reconciler. */
const endRecord = async (tx: Tx, id: string, run: string): Promise<void> => {
  const record = await tx.table('sandboxes').get(id);
  if (record?.state !== 'creating') return;
  const error = await causeOf(tx, run);
  await move(tx, 'sandboxes', id, { trigger: 'creation_failed', patch: { error }, causedBy: run });
  await move(tx, 'sandboxes', id, { trigger: 'undone', causedBy: run });
};
