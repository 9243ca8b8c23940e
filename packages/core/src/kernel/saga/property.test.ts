/** Any saga, any failure, any deaths of the process: everything is there once, or nothing is left. */
import { fail } from '@berth/contract';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createMortal, type Death } from '../../../testing/laws/saga-faults.ts';
import { runOnce } from '../../../testing/laws/saga-trial.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds } from '../ids.ts';
import type { NamedStep, Output, Saga, Stage } from './saga.ts';

interface Ports {
  readonly things: Set<string>;
  /** What fails, and how often it still does. */
  readonly failures: Map<string, number>;
}

const trip = (ports: Ports, at: string): void => {
  const left = ports.failures.get(at) ?? 0;
  ports.failures.set(at, left - 1);
  if (left > 0) throw fail('driver.failed', { driver: 'd', act: at, detail: 'as planned' });
};

const thingStep = (name: string, tries: number): NamedStep<Ports, never> => ({
  name,
  tries,
  async do({ ports, key }) {
    trip(ports, `before ${name}`);
    ports.things.add(key);
    trip(ports, `after ${name}`);
    return key;
  },
  save: (tx, { key }, output) =>
    tx.table('leases').insert({ id: key, owner: String(output), fence: 1, until: 0 }),
  async undo({ ports, key }) {
    trip(ports, `undo ${name}`);
    ports.things.delete(key);
  },
  unsave: (tx, { key }) => tx.table('leases').remove(key),
});

const shapes = fc.record({
  /** How many steps each stage has. */
  stages: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
  finals: fc.integer({ min: 0, max: 2 }),
  tries: fc.integer({ min: 1, max: 2 }),
});

const sagaOf = ({ stages, finals, tries }: typeof shapes extends fc.Arbitrary<infer S> ? S : never) => {
  const ordinary = stages.map(
    (width, at): Stage<Ports, never> => ({
      final: false,
      steps: Array.from({ length: width }, (_, lane) => thingStep(`s${at}_${lane}`, tries)),
    }),
  );
  const last = Array.from(
    { length: finals },
    (_, at): Stage<Ports, never> => ({ final: true, steps: [thingStep(`f${at}`, 1)] }),
  );
  const all = [...ordinary, ...last];
  const definition: Saga<Ports, never, Output> = {
    name: 'any.saga@1',
    family: 'any.saga',
    stages: all,
    result: ({ out }) => out,
  };
  return { definition, names: all.flatMap(({ steps }) => steps.map(({ name }) => name)) };
};

const cases = shapes.chain((shape) => {
  const { definition, names } = sagaOf(shape);
  const moments = names.flatMap((name) => [`before ${name}`, `after ${name}`, `undo ${name}`]);
  const death: fc.Arbitrary<Death> = fc.record({
    afterWrite: fc.integer({ min: 1, max: 2 * names.length + 4 }),
  });
  return fc.record({
    definition: fc.constant(definition),
    size: fc.constant(names.length),
    failures: fc.array(fc.tuple(fc.constantFrom(...moments), fc.integer({ min: 1, max: 4 })), {
      maxLength: 3,
    }),
    deaths: fc.array(death, { maxLength: 3 }),
  });
});

it('is whole or gone, whatever its shape, its failures and the deaths of its process', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ definition, size, failures, deaths }) => {
      const clock = createManualClock();
      const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
      const ports: Ports = { things: new Set(), failures: new Map(failures) };
      const left = async () => ports.things.size + (await store.read((tx) => tx.table('leases').count()));
      const world = {
        ...{ ports, store, clock },
        isClean: async () => (await left()) === 0,
        isDone: async () => (await left()) === 2 * size,
      };
      const trial = { world, definition, input: null as never };
      for (const death of deaths) await runOnce(trial, createMortal(store, death));
      const end = await runOnce(trial);
      expect(['done', 'undone']).toContain(end);
      expect(await (end === 'done' ? world.isDone() : world.isClean())).toBe(true);

      const journal = await store.read((tx) => tx.table('journal').list());
      const finished = journal.filter(({ phase }) => phase === 'done' || phase === 'undone');
      expect(new Set(finished.map(({ step, phase }) => `${step} ${phase}`)).size).toBe(finished.length);
    }),
    { numRuns: 300 },
  );
});
