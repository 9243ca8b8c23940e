/** Laws of two processes on one store: a superseded process writes nothing more, however late it wakes up. */
import { fail } from '@berth/contract';
import { expect, it } from 'vitest';
import { isStop } from '../../src/kernel/interrupt.ts';
import { saga } from '../../src/kernel/saga/builder.ts';
import { createSagas, type Fenced, type Sagas } from '../../src/kernel/saga/engine.ts';
import { nothingToUndo } from '../../src/kernel/saga/saga.ts';
import { createLeases } from '../../src/kernel/store/leases.ts';
import type { Store, Tx } from '../../src/kernel/store/store.ts';
import { createManualClock } from '../manual-clock.ts';
import { lease } from './fixtures.ts';
import type { Fresh } from './store.ts';

/** Side effects of one engine's steps, besides being recorded. */
interface Ports extends Fenced<Ports> {
  readonly acts: string[];
  readonly on: Record<string, () => Promise<unknown>>;
}

const act = async (ports: Ports, name: string): Promise<void> => {
  ports.acts.push(name);
  await ports.on[name]?.();
};

const record = (tx: Tx, id: string, owner: string) => tx.table('leases').insert({ ...lease(id), owner });

const story = saga<Ports, null>('law.fenced', 1)
  .step('first', {
    do: ({ ports }) => act(ports, 'first'),
    save: (tx, { run }) => record(tx, 'first', run),
    undo: ({ ports }) => act(ports, '-first'),
    unsave: (tx) => tx.table('leases').remove('first'),
  })
  .step('second', {
    do: ({ ports }) => act(ports, 'second'),
    save: (tx, { run }) => record(tx, 'second', run),
    undo: nothingToUndo('it is a record'),
    unsave: (tx) => tx.table('leases').remove('second'),
  })
  .returns(() => 'the end');

/** A step that writes while it acts, and starts another run. */
const writer = saga<Ports, null>('law.writer', 1)
  .step('write', {
    do: async ({ ports, run }) => {
      await act(ports, 'write');
      await ports.store.write((tx) => record(tx, ports.acts.join('+'), run));
      await act(ports, 'begin');
      await ports.sagas.run(story, { id: 'sg_child', input: null });
    },
    undo: ({ ports }) => ports.sagas.askCancel('sg_child', 'it is over'),
  })
  .returns(() => 'the end');

/** A separate engine whose named act blocks until released. */
const engine = (store: Store, owner: string, held?: string) => {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const on: Record<string, () => Promise<unknown>> = {};
  const acts: string[] = [];
  if (held !== undefined)
    on[held] = () => {
      reached.resolve();
      return gate.promise;
    };
  const ports: Ports = {
    ...{ acts, on, store },
    get sagas() {
      return sagas;
    },
  };
  const sagas: Sagas<Ports> = createSagas<Ports>({
    ...{ store, clock: createManualClock(), ports, owner, definitions: [story, writer] },
    fenced: (all, own) => ({ ...all, ...own }),
  });
  return { sagas, ports, reached: reached.promise, letGo: gate.resolve, fail: gate.reject };
};

const broken = () => fail('driver.failed', { driver: 'd', act: 'this', detail: 'it does not work' });
const stopped = expect.toSatisfy((reason: unknown) => isStop(reason));

/** Everything about the run and written by it. */
const everything = (store: Store) =>
  store.read(async (tx) => ({
    runs: await tx.table('sagas').list(),
    journal: await tx.table('journal').list(),
    records: await tx.table('leases').list(),
  }));

export const fenceLaws = (fresh: Fresh): void => {
  it('keeps a superseded engine from continuing', async () => {
    const store = await fresh();
    const late = engine(store, 'late', 'first');
    const lateEnd = late.sagas.run(story, { id: 'sg_1', input: null });
    const seen = expect(lateEnd).rejects.toEqual(stopped);
    await late.reached;
    expect(await engine(store, 'next').sagas.resume('sg_1')).toBe('the end');
    const after = await everything(store);
    expect(after.runs).toMatchObject([{ state: 'done', owner: 'next', fence: 2 }]);
    late.letGo();
    await seen;
    expect(late.ports.acts).toEqual(['first']);
    expect(await everything(store)).toEqual(after);
  });

  it('keeps a superseded engine whose step failed from undoing what the next one did', async () => {
    const store = await fresh();
    const late = engine(store, 'late', 'second');
    const seen = expect(late.sagas.run(story, { id: 'sg_1', input: null })).rejects.toEqual(stopped);
    await late.reached;
    const next = engine(store, 'next', 'second');
    const nextEnd = next.sagas.resume('sg_1');
    await next.reached;
    const between = await everything(store);
    late.fail(broken());
    await seen;
    expect(late.ports.acts).toEqual(['first', 'second']);
    expect(await everything(store)).toEqual(between);
    next.letGo();
    expect(await nextEnd).toBe('the end');
  });

  it('keeps an engine that was superseded during undo from writing its undo', async () => {
    const store = await fresh();
    const late = engine(store, 'late', '-first');
    late.ports.on.second = async () => {
      throw broken();
    };
    const seen = expect(late.sagas.run(story, { id: 'sg_1', input: null })).rejects.toEqual(stopped);
    await late.reached;
    const next = engine(store, 'next', '-first');
    const nextSeen = expect(next.sagas.resume('sg_1')).rejects.toMatchObject({ code: 'driver.failed' });
    await next.reached;
    const between = await everything(store);
    late.letGo();
    await seen;
    expect(await everything(store)).toEqual(between);
    next.letGo();
    await nextSeen;
    expect(await everything(store)).toMatchObject({ runs: [{ state: 'undone' }], records: [] });
  });

  it.each(['write', 'begin'])("keeps a superseded engine from writing a step's effects: %s", async (held) => {
    const store = await fresh();
    const late = engine(store, 'late', held);
    const seen = expect(late.sagas.run(writer, { id: 'sg_1', input: null })).rejects.toEqual(stopped);
    await late.reached;
    const next = engine(store, 'next', 'second');
    next.ports.acts.push('next');
    const nextEnd = next.sagas.resume('sg_1');
    await next.reached;
    const between = await everything(store);
    late.letGo();
    await seen;
    expect(await everything(store)).toEqual(between);
    next.letGo();
    expect(await nextEnd).toBe('the end');
  });

  it('continues after a failed journal write', async () => {
    const store = await fresh();
    const { sagas } = engine(store, 'one');
    await store.write((tx) => record(tx, 'first', 'somebody else'));
    await expect(sagas.run(story, { id: 'sg_1', input: null })).rejects.toMatchObject({
      code: 'record.exists',
    });
    const { journal } = await everything(store);
    expect(journal.map(({ id }) => id)).toEqual(
      journal.map((_, index) => `sg_1/${String(index + 1).padStart(5, '0')}`),
    );
  });

  it('gives a lease to one owner at a time, and nothing to the one that lost it', async () => {
    const clock = createManualClock();
    const store = await fresh(clock);
    const one = createLeases({ store, clock, owner: 'one' });
    const two = createLeases({ store, clock, owner: 'two' });
    const held = await one.acquire('repository', 1000);
    expect(await two.acquire('repository', 1000)).toBeUndefined();
    await clock.advance(1000);
    const next = await two.acquire('repository', 1000);
    expect([held, next]).toMatchObject([{ fence: 1 }, { fence: 2 }]);
    if (held === undefined || next === undefined) return;
    expect(await one.renew(held, 1000)).toBe(false);
    await one.release(held);
    expect(await store.read((tx) => two.isHeld(tx, next))).toBe(true);
  });
};
