import { expect, test } from 'vitest';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds } from '../ids.ts';
import { saga } from './builder.ts';
import { createSagas } from './engine.ts';
import { type AnySaga, asVersion, retired } from './saga.ts';

interface Ports {
  readonly acts: string[];
}

const step = (name: string) => ({
  do: async ({ ports }: { ports: Ports }) => void ports.acts.push(name),
  undo: async ({ ports }: { ports: Ports }) => void ports.acts.push(`-${name}`),
});

const ofThen = saga<Ports, null>('test.move', 1)
  .step('a', step('a'))
  .step('move', { ...step('move'), decisive: true })
  .returns(() => 'moved');
const ofNow = saga<Ports, null>('test.move', 2)
  .step('b', step('b'))
  .returns(() => 'moved');

/** The engine of then dies at a moment of a run; the next one knows these definitions. */
const left = async (moment: string, definitions: readonly AnySaga<Ports>[]) => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const ports: Ports = { acts: [] };
  const crashPoint = (point: string): void => {
    if (point === moment) throw new RangeError('killed');
  };
  const of = { store, clock, ports };
  const then = createSagas({ ...of, owner: 'then', definitions: [ofThen], crashPoint });
  await expect(then.run(ofThen, { id: 'sg_1', input: null })).rejects.toThrow('killed');
  return { ports, now: createSagas({ ...of, owner: 'now', definitions }) };
};

test('a run of a retired version is undone, and whoever asked hears why, again and again', async () => {
  const { now, ports } = await left('test.move@1/a/after-do', [ofNow, retired(ofThen)]);
  for (const _ of [1, 2])
    await expect(now.run(ofNow, { id: 'sg_1', input: null })).rejects.toMatchObject({
      code: 'work.outdated',
      details: { saga: 'test.move@1', id: 'sg_1' },
    });
  expect(ports.acts).toEqual(['a', '-a']);
});

test('one that is decided is seen through', async () => {
  const { now, ports } = await left('test.move@1/move/after-do', [ofNow, retired(ofThen)]);
  expect(await now.run(ofNow, { id: 'sg_1', input: null })).toBe('moved');
  expect(ports.acts).toEqual(['a', 'move', 'move']);
});

test('none begins by it', async () => {
  const { now } = await left('test.move@1/a/after-do', [ofNow, retired(ofThen)]);
  await expect(now.run(retired(ofThen), { id: 'sg_2', input: null })).rejects.toThrow('which is retired');
});

test('a version that the new steps can read is gone on with by these', async () => {
  const { now, ports } = await left('test.move@1/a/after-do', [ofNow, asVersion(ofNow, 1)]);
  expect(await now.resume('sg_1')).toBe('moved');
  expect(ports.acts).toEqual(['a', 'b']);
});
