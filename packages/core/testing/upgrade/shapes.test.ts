/**
 * What runs write into their journals, as it was recorded for each version of each saga. An installation is upgraded with
 * runs in the middle, so the new version reads what the one before it wrote.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { GateSpec } from '@berth/contract';
import { beforeAll, expect, test } from 'vitest';
import { createCore, EARLIER_SAGAS, SAGAS } from '../../src/core.ts';
import { createIds, type JournalEntry, type SagaRun } from '../../src/kernel/index.ts';
import type { Act } from '../simulation/agents.ts';
import { createScriptedWorld } from '../simulation/simulate.ts';
import { differences, type Shape, shapeOf } from './shape.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const FOLDER = new URL('shapes/', import.meta.url);
const MINUTE_MS = 60_000;

interface Shapes {
  readonly steps: readonly string[];
  /** Absent for an earlier version: nobody writes it any more. */
  readonly input?: Shape;
  readonly outputs?: Readonly<Record<string, Shape>>;
  readonly result?: Shape;
}

const runs: SagaRun[] = [];
const journal: JournalEntry[] = [];

/** Tasks that land, are sent back, conflict, wait for a yes and are gone on with, and a sandbox by hand. */
const collect = async (acts: readonly Act[], setup: boolean, gate?: GateSpec): Promise<void> => {
  const world = createScriptedWorld(digest, { seed: 4, acts, setup, locked: true, tests: true });
  const { clock, store, dice, ports } = world;
  const core = createCore({
    store,
    clock,
    ids: createIds(clock, dice.bytes),
    digest,
    ports,
    owner: 'shapes',
  });
  await core.start();
  const commands = setup ? { setup: { commands: ['npm ci'] } } : {};
  const { id: workspaceId } = await clock.through(
    core.workspaces.create({ repositories: [{ source: '/app' }], gate, ...commands }),
  );
  const task = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
  await core.tasks.create({ workspaceId, prompt: 'Fix that' });
  await clock.through(core.sandboxes.create({ workspaceId }));
  await clock.advance(MINUTE_MS / 2);
  const waiting = await store.read((tx) => tx.table('changes').list({ where: { state: 'waiting' } }));
  for (const { id } of waiting) await core.changes.decide(id, { verdict: 'approved', by: 'a person' });
  await core.tasks.prompt(task.id, 'and more').catch(() => undefined);
  for (let minute = 0; minute < 3; minute += 1) await clock.advance(MINUTE_MS);
  await core.stop();
  await store.read(async (tx) => {
    runs.push(...(await tx.table('sagas').list({ limit: 10_000 })));
    journal.push(...(await tx.table('journal').list({ limit: 10_000 })));
  });
};

const BUILT: GateSpec = {
  commands: [
    { name: 'build', run: 'check' },
    { name: 'check', run: 'check', needs: ['build'] },
  ],
  keep: ['deps/made'],
};

beforeAll(async () => {
  await collect(['good'], true);
  await collect(['good', 'buggy', 'shared'], true);
  await collect(['weak', 'good'], false);
  await collect(['disarming', 'good'], true);
  await collect(['good', 'buggy'], true, BUILT);
});

const seen = (saga: (typeof SAGAS)[number]): Shapes => {
  const own = runs.filter(({ name }) => name === saga.name);
  const ids = new Set(own.map(({ id }) => id));
  const done = journal.filter(({ sagaId, phase }) => phase === 'done' && ids.has(sagaId));
  const steps = stepsOf(saga);
  return {
    steps,
    input: shapeOf(own.map(({ input }) => input)),
    outputs: Object.fromEntries(
      steps.map((name) => [name, shapeOf(done.flatMap((line) => (line.step === name ? [line.output] : [])))]),
    ),
    result: shapeOf(own.flatMap(({ state, result }) => (state === 'done' ? [result] : []))),
  };
};

const stepsOf = ({ stages }: (typeof SAGAS | typeof EARLIER_SAGAS)[number]): string[] =>
  stages.flatMap(({ steps }) => steps.map(({ name }) => name));

const fileOf = (name: string): URL => new URL(`${name}.json`, FOLDER);
const recordOf = (name: string): Shapes => JSON.parse(readFileSync(fileOf(name), 'utf8'));

const WHAT_TO_DO =
  'Runs that are left in the middle of an upgrade are read in this shape. Give the saga the next version, and keep the ' +
  'one before among `EARLIER_SAGAS` of `core.ts`: by `asVersion` where the new steps read what it wrote, else by `retired`. ' +
  'Only what may be absent, and is read so, is added to the record as it is (docs/how-to/add-a-workflow.md, 7).';

test.each(SAGAS)('$name is journaled as it was recorded', (saga) => {
  const now = seen(saga);
  if (!existsSync(fileOf(saga.name))) {
    writeFileSync(fileOf(saga.name), `${JSON.stringify(now, undefined, 2)}\n`);
    expect.fail(`${saga.name} is new. Its shape was recorded now: read it, and commit it.`);
  }
  const { steps, input = '', outputs = {}, result = '' } = recordOf(saga.name);
  const changed = [
    ...(JSON.stringify(steps) === JSON.stringify(now.steps) ? [] : [`the steps are ${now.steps.join(', ')}`]),
    ...differences(input, now.input ?? '', 'input'),
    ...differences(outputs, now.outputs ?? {}, 'out'),
    ...differences(result, now.result ?? '', 'result'),
  ];
  expect(changed, `The shape of ${saga.name} has changed. ${WHAT_TO_DO}`).toEqual([]);
});

test('every version that was recorded can still be taken up, with the steps that it had', () => {
  const known = new Map([...SAGAS, ...EARLIER_SAGAS].map((saga) => [saga.name, stepsOf(saga)]));
  const recorded = readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ''));
  expect([...known.keys()].toSorted()).toEqual(recorded.toSorted());
  for (const name of recorded) expect(known.get(name), name).toEqual(recordOf(name).steps);
});

test('a changed name, kind or absence is found, and what may be absent is not', () => {
  const recorded = shapeOf([
    { id: 'a', parts: [{ head: 'b' }], from: 'c' },
    { id: 'd', parts: [] },
  ]);
  expect(differences(recorded, shapeOf([{ id: 'x', parts: [] }]), 'out')).toEqual([]);
  expect(differences(recorded, shapeOf([{ id: 1, parts: [{ heads: 'b' }] }]), 'out')).toEqual([
    'out.id is "number", recorded as "string"',
    'out.parts[].heads is new',
    'out.parts[].head is gone',
  ]);
  expect(differences(recorded, shapeOf([{ parts: 'all' }]), 'out')).toEqual([
    'out.parts is "string", recorded as ["{...}"]'.replace('["{...}"]', '[{"head":"string"}]'),
    'out.id is gone',
  ]);
});
