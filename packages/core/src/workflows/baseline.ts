/**
 * What the gate says about the target itself, before anybody's work: whether it is red already, and how many tests run.
 * It is found out once for a commit: what landed through a gate has been judged on just that commit, else a run of its
 * own judges it. That run is a job, made by whoever asks first and waited for by everybody, and no task's end ends it.
 */
import { type EgressPolicy, type Evidence, fail, type Workspace } from '@berth/contract';
import { deciding, type GatePlan, gateInputHash, groupsOf } from '../gate/index.ts';
import { createInterrupts, type Ids, nothingToUndo, type ReadTx, saga, toJson } from '../kernel/index.ts';
import type { CommitByRepository } from '../ports.ts';
import { unlessAborted } from '../race.ts';
import { planSandbox } from '../sandbox/index.ts';
import type { World } from '../world.ts';
import { checkGate, type GatePart } from './check-gate.ts';
import { endChild } from './child.ts';
import { startFrom } from './start-from.ts';

export type Target = {
  readonly workspaceId: string;
  readonly commits: CommitByRepository;
  readonly plan: GatePlan;
  readonly egress: EgressPolicy;
};

export const checkTarget = saga<World, Target>('gate.baseline', 1)
  .step('plan', {
    do: async ({ ports, input, run, signal }): Promise<GatePart[]> => {
      const workspace = await workspaceOf(ports, input.workspaceId);
      const { commits, egress } = input;
      const start = await startFrom(ports, { workspace, commits, signal });
      return groupsOf(input.plan.commands).map((commands, index) => ({
        judgedBy: 'target',
        commands,
        sandbox: planSandbox(ports.defaults, workspace, {
          ...start,
          id: sandboxOfPart(ports.ids, run, index),
          purpose: 'gate',
          egress,
          checkout: workspace.repositories.map(({ name, branch }) => ({
            name,
            branch,
            commit: commits[name] ?? '',
          })),
        }),
      }));
    },
    undo: nothingToUndo('it only reads; a layer that was made is of use to others'),
  })
  .step('run', {
    do: async ({ ports, out, key, signal }) => {
      const evidence: Evidence[] = [];
      for (const [index, part] of out.plan.entries()) {
        const run = { id: ports.ids.from('saga', `${key}/${index}`), input: part, subject: part.sandbox.id };
        evidence.push(...(await ports.sagas.run(checkGate, { ...run, signal })));
      }
      return evidence;
    },
    undo: async ({ ports, out, key }) => {
      for (const index of out.plan.keys())
        await endChild(ports, ports.ids.from('saga', `${key}/${index}`), 'the target is not judged');
    },
  })
  .returns(({ out }) => out.run);

const sandboxOfPart = (ids: Ids, run: string, index: number): string =>
  ids.from('sandbox', `${run}/${index}`);

export type BaselineJob = { readonly id: string; readonly target: Target };

/** In which the run of a job judges. */
export const sandboxesOf = (ids: Ids, { id, target }: BaselineJob): string[] =>
  groupsOf(target.plan.commands).map((_, index) => sandboxOfPart(ids, id, index));

/** Has it found out, unless it is known or under way. */
export const beginBaseline = async (world: World, target: Target): Promise<void> => {
  if ((await landedEvidence(world, target)) === undefined) await findOrBegin(world, target);
};

/** Rejects with the error of the run that tried last, or with the reason of the signal. */
export const baselineOf = async (
  world: World,
  target: Target,
  signal: AbortSignal,
): Promise<readonly Evidence[]> => {
  const landed = await landedEvidence(world, target);
  if (landed !== undefined) return landed;
  const id = await findOrBegin(world, target);
  const { stop, either, release } = createInterrupts(signal);
  try {
    // A cancel ends the waiting alone: others may wait for the same.
    const run = { id, input: target, subject: target.workspaceId, signal: stop };
    return await unlessAborted(world.sagas.run(checkTarget, run), either);
  } finally {
    release();
  }
};

/** A run that could not come to an end (a driver was away) is tried anew so often. */
const MAX_TRIES = 3;

const findOrBegin = async (world: World, target: Target): Promise<string> => {
  const { image, driver } = await workspaceOf(world, target.workspaceId);
  const { commits, plan, egress } = target;
  const inputs = { commits, image, driver: driver ?? 'default', layers: [], egress };
  const hash = gateInputHash(world.digest, plan, inputs);
  return world.store.write(async (tx) => {
    let id = '';
    for (let tried = 1; tried <= MAX_TRIES; tried += 1) {
      id = world.ids.from('saga', `${target.workspaceId}/baseline/${hash}/${tried}`);
      const run = await tx.table('sagas').get(id);
      if (run?.state === 'running' || run?.state === 'done') return id;
      if (run !== undefined) continue;
      const promised = await tx.table('jobs').count({ key: id, state: ['waiting', 'active'] });
      const job = toJson({ id, target } satisfies BaselineJob, 'data');
      if (promised === 0) await world.queue.add(tx, 'gate.baseline', job, { key: id });
      return id;
    }
    return id;
  });
};

const MAX_LANDED = 20;

/** Of the gate of the change whose landing made these very commits, when it ran the same commands. */
const landedEvidence = ({ store }: World, target: Target): Promise<readonly Evidence[] | undefined> =>
  store.read(async (tx) => {
    const wanted = JSON.stringify(Object.entries(target.commits).sort());
    const landed = await tx
      .table('changes')
      .list({ where: { state: 'merged' }, order: 'desc', limit: MAX_LANDED });
    for (const { gateRunId = '' } of landed) {
      const run = await tx.table('gateRuns').get(gateRunId);
      if (run === undefined || JSON.stringify(Object.entries(run.commits).sort()) !== wanted) continue;
      const evidence = deciding(run.evidence);
      if (ranAll(target.plan, evidence)) return evidence;
    }
    return undefined;
  });

const ranAll = ({ commands }: GatePlan, evidence: readonly Evidence[]): boolean =>
  commands.every((command) =>
    evidence.some(
      (one) =>
        one.name === command.name && one.repository === command.repository && one.command === command.run,
    ),
  );

const workspaceOf = async ({ store }: World, id: string): Promise<Workspace> => {
  const read = (tx: ReadTx) => tx.table('workspaces').get(id);
  const workspace = await store.read(read);
  if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id });
  return workspace;
};
