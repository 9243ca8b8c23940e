/**
 * An installation as an earlier version of Berth left it in the middle of its work: the records of the scripted world,
 * written by that version when it was killed, one a line, after a line with what the world around them holds.
 */
import { readFileSync } from 'node:fs';
import type { RunResult } from '@berth/plugin-api';
import type { Tx } from '../../src/kernel/index.ts';
import type { Checkout } from '../simulation/machines.ts';
import type { Commit } from '../simulation/repository.ts';
import { createScriptedWorld, type ScriptedWorld } from '../simulation/simulate.ts';

interface Around {
  readonly now: number;
  readonly refs: Readonly<Record<string, string>>;
  readonly commits: Readonly<Record<string, Commit>>;
  readonly machines: Readonly<
    Record<
      string,
      { readonly checkouts: Record<string, Checkout>; readonly ended: Readonly<Record<string, RunResult>> }
    >
  >;
  readonly layers: readonly string[];
}

const FOLDER = new URL('journals/', import.meta.url);
const DRIVER = 'scripted';

/** `name`: of a file in `journals`. The agent of the new version does good work. */
export const openEarlier = async (digest: (text: string) => string, name: string): Promise<ScriptedWorld> => {
  const [first = '', ...lines] = readFileSync(new URL(`${name}.jsonl`, FOLDER), 'utf8')
    .trim()
    .split('\n');
  const around: Around = JSON.parse(first);
  const world = createScriptedWorld(digest, { seed: 9, acts: ['good'] });
  await world.clock.advance(around.now - world.clock.now());
  await putAround(world, around);
  const rows = lines.map((line): Line => JSON.parse(line));
  await world.store.write(async (tx) => {
    for (const { table, row } of rows) await tx.table(table).insert(row);
  });
  return world;
};

/** What an earlier version wrote is no row of this one: that is what is tried. */
interface Line {
  readonly table: 'tasks';
  readonly row: Parameters<ReturnType<Tx['table']>['insert']>[0] & never;
}

const putAround = async ({ hub, machines }: ScriptedWorld, around: Around): Promise<void> => {
  for (const made of Object.values(around.commits)) hub.commit('app', made);
  for (const [key, commit] of Object.entries(around.refs)) {
    const ref = key.slice('app '.length);
    await hub.swap('', 'app', ref, await hub.resolve('', 'app', ref), commit);
  }
  const create = (id: string) =>
    machines.create(DRIVER, { id, layers: [], limits: {}, tools: [], env: {} }, new AbortController().signal);
  for (const layer of around.layers) {
    const id = layer.slice('layer-of-'.length);
    await create(id);
    await machines.facets(DRIVER).snapshots?.take(id);
    await machines.destroy(DRIVER, id);
  }
  for (const [id, { checkouts, ended }] of Object.entries(around.machines)) {
    await create(id);
    const inside = machines.insideOf(id);
    for (const [name, checkout] of Object.entries(checkouts)) inside.checkouts.set(name, checkout);
    for (const [exec, result] of Object.entries(ended)) inside.ended.set(exec, result);
  }
};
