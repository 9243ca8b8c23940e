/** The laws themselves, tried on a saga that keeps them. */
import { createIds } from '../../src/kernel/ids.ts';
import { saga } from '../../src/kernel/saga/builder.ts';
import { nothingToUndo } from '../../src/kernel/saga/saga.ts';
import { createManualClock } from '../manual-clock.ts';
import { createMemoryStore } from '../memory-store/memory-store.ts';
import { sagaLaws } from './saga.ts';
import type { SagaWorld } from './saga-trial.ts';

interface Shelf {
  readonly things: Set<string>;
}

const fillShelf = saga<Shelf, { name: string }>('shelf.fill', 1)
  .step('id', { do: async ({ run }) => `id of ${run}`, undo: nothingToUndo('an unused id costs nothing') })
  .step('record', {
    save: (tx, { out, input }) =>
      tx.table('leases').insert({ id: out.id, owner: input.name, fence: 1, until: 0 }),
    undo: nothingToUndo('unsave removes it'),
    unsave: (tx, { out }) => tx.table('leases').remove(out.id),
  })
  .together({
    book: {
      do: async ({ ports, key }) => void ports.things.add(key),
      undo: async ({ ports, key }) => void ports.things.delete(key),
    },
    lamp: {
      do: async ({ ports, key }) => {
        ports.things.add(key);
        return { key };
      },
      undo: async ({ ports, key }) => void ports.things.delete(key),
    },
  })
  .pointOfNoReturn()
  .step('announce', { do: async ({ ports, out }) => void ports.things.add(`seen ${out.lamp.key}`) })
  .step('close', { save: async (tx, { out }) => tx.table('leases').update(out.id, 1, { until: 1 }) })
  .returns(({ out }) => out.lamp);

const world = (): SagaWorld<Shelf> => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const things = new Set<string>();
  const leases = () => store.read((tx) => tx.table('leases').list());
  return {
    ports: { things },
    store,
    clock,
    isClean: async () => things.size === 0 && (await leases()).length === 0,
    isDone: async () => things.size === 3 && (await leases()).map(({ until }) => until).join() === '1',
  };
};

sagaLaws(fillShelf, { world, input: { name: 'somebody' } });
