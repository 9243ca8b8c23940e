/**
 * One command of a gate that others need, or that needs others: in a fresh sandbox with the prepared state and
 * the results of what it needs. Results travel as disk layers: files added to the repositories lie below the
 * prepared state, so nothing in it is replaced, and what the workspace names in `gate.keep` above it. The
 * files of the commit are checked out anew. What may not be handed over (`gate/plan/handed-over.ts`) is
 * deleted before the command starts.
 */
import { type Evidence, isGreen } from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import { mayBeHandedOver } from '../../gate/index.ts';
import { allRows, type Ctx, nothingToUndo, saga, type Tx, unlessAborted } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { inMachine } from '../machine/life.ts';
import { type GatePart, gateSandboxStep, removeStep, runPart } from './check-gate.ts';

type PathsByRepository = Readonly<Record<string, readonly string[]>>;

/** What a command left for those that need it. */
export type HandedOver = {
  readonly command: string;
  /** The layer of files beside those of the commit. */
  readonly outputs: string;
  /** The layer of `gate.keep`. */
  readonly kept?: string | undefined;
  /** What lay beside the files of the commit before any command ran. */
  readonly prepared: PathsByRepository;
};

export type CommandPart = GatePart & { readonly results: readonly HandedOver[] };

export const checkCommand = saga<Ports, CommandPart>('gate.command', 1)
  .step('sandbox', gateSandboxStep())
  .step('prepare', {
    do: ({ ports, input, out, key, signal }) =>
      inMachine(ports, { ...out.sandbox, signal }, (sandbox) =>
        prepare(ports, { input, sandbox, key, signal }),
      ),
    undo: nothingToUndo('the files die with the machine'),
  })
  .step('run', {
    do: async ({ ports, input, out, key, signal }) => {
      const evidence = await runPart(ports, { part: input, machine: out.sandbox, key, signal });
      return evidence.map((one) => noting(one, input, out.prepare.withheld));
    },
    undo: nothingToUndo('what ran has run'),
  })
  .step('handOver', {
    do: async ({ ports, input, out, signal }) =>
      input.isNeeded === true
        ? handOver(ports, { input, driver: out.sandbox.driver, prepared: out.prepare.prepared, signal })
        : undefined,
    save: (tx, { ports, out }, results) => recordLayers(tx, ports, out.sandbox.driver, results),
    undo: nothingToUndo('a layer that nothing names is dropped by a reconciler'),
  })
  .pointOfNoReturn()
  .step('remove', removeStep())
  .returns(({ out }) => ({ evidence: out.run, handedOver: out.handOver }));

/** Where the paths of one set-up are listed; files that it left beyond are told apart by name alone. */
const MAX_PREPARED = 5000;
const MAX_SHOWN = 5;

interface Preparing extends Pick<Ctx<Ports, CommandPart, object>, 'key' | 'signal'> {
  readonly input: CommandPart;
  readonly sandbox: Sandbox;
}

/** Nothing of the change has run in this sandbox yet, so what git lists here is so. */
const prepare = async (ports: Ports, { input, sandbox, key, signal }: Preparing) => {
  const { checkout } = input.sandbox;
  const repositories = checkout.map(({ name }) => name);
  const found = await ports.checkouts.listUntracked(sandbox, { key, repositories, signal });
  const [first] = input.results;
  if (first === undefined) return { prepared: cut(found), withheld: [] };
  const words = new Set(input.commands.flatMap(({ run }) => run.split(/[^\w.-]+/)));
  const paths: Record<string, readonly string[]> = {};
  for (const { name, commit } of checkout) {
    const known = new Set(first.prepared[name]);
    const files = new Set(Object.keys(await ports.hub.files(input.sandbox.workspaceId ?? '', name, commit)));
    paths[name] = (found[name] ?? []).filter(
      (path) => !known.has(path) && !mayBeHandedOver({ path, commit: files, words, keep: input.keep ?? [] }),
    );
  }
  await ports.checkouts.removeUntracked(sandbox, { key, paths, signal });
  return { prepared: first.prepared, withheld: Object.values(paths).flat().slice(0, MAX_SHOWN) };
};

const cut = (found: PathsByRepository): PathsByRepository =>
  Object.fromEntries(Object.entries(found).map(([name, paths]) => [name, paths.slice(0, MAX_PREPARED)]));

interface HandingOver {
  readonly input: CommandPart;
  readonly driver: string;
  readonly prepared: PathsByRepository;
  readonly signal: AbortSignal;
}

const handOver = async (
  ports: Ports,
  { input, driver, prepared, signal }: HandingOver,
): Promise<HandedOver | undefined> => {
  const { snapshots } = ports.machines.facets(driver);
  if (snapshots === undefined) return undefined;
  const { id, checkout, workspaceId = '' } = input.sandbox;
  // If the machine has died, writes that had not reached its disk would be missing.
  await inMachine(ports, { id, driver, signal }, (sandbox) => unlessAborted(sandbox.metrics(), signal));
  const without: string[] = [];
  for (const { name, commit } of checkout) {
    const files = Object.keys(await ports.hub.files(workspaceId, name, commit));
    const folders = (prepared[name] ?? []).map((path) => path.replace(/\/$/, ''));
    without.push(...[...files, ...folders].map((path) => `${name}/${path}`));
  }
  const root = checkout.map(({ name }) => name);
  const outputs = await snapshots.take(id, { root, home: [], without });
  const keep = root.flatMap((name) => (input.keep ?? []).map((path) => `${name}/${path}`));
  const kept =
    keep.length === 0 ? undefined : await snapshots.take(id, { root: keep, home: [], without: [] });
  const command = input.commands.map(({ name }) => name).join(', ');
  return { command, outputs: outputs.layer, kept: kept?.layer, prepared };
};

/** Nothing starts from these layers but this gate, so they are superseded at once: a reconciler drops them once it has ended. */
const recordLayers = async (
  tx: Tx,
  { ids }: Ports,
  driver: string,
  results: HandedOver | undefined,
): Promise<void> => {
  const layers = [results?.outputs, results?.kept].filter((layer) => layer !== undefined);
  const known = layers.length === 0 ? [] : await allRows(tx, { table: 'prebuilds' });
  for (const layer of new Set(layers)) {
    const record = known.find((one) => one.driver === driver && one.layer === layer);
    const superseded = { state: 'superseded' as const };
    // Equal content made again: the time until it is dropped starts anew.
    if (record?.state === 'superseded')
      await tx.table('prebuilds').update(record.id, record.revision, superseded);
    if (record === undefined)
      await tx
        .table('prebuilds')
        .insert({ ...superseded, id: ids.new('prebuild'), workspaceId: '', inputHash: '', driver, layer });
  }
};

/** A test that fails for lack of such a file would otherwise be a riddle. */
const noting = (evidence: Evidence, { results }: CommandPart, withheld: readonly string[]): Evidence => {
  if (withheld.length === 0 || isGreen(evidence)) return evidence;
  const from = results.map(({ command }) => command).join(', ');
  const note = `Berth did not hand over from ${from}, because it could judge: ${withheld.join(', ')} (see gate.keep)`;
  return { ...evidence, logTail: `${evidence.logTail}\n${note}` };
};
