/**
 * Laws of retention: old rows are found by age, old events are dropped oldest first, and sequence numbers continue.
 */
import { expect, it } from 'vitest';
import type { ForgetQuery, Store, UntouchedQuery } from '../../src/kernel/store/store.ts';
import { createManualClock } from '../manual-clock.ts';
import { fact, sagaRow } from './fixtures.ts';
import type { Fresh } from './store.ts';

export const ageLaws = (fresh: Fresh): void => {
  it('finds rows by their last write, least recently written first, ties by id', async () => {
    const clock = createManualClock(1000);
    const store = await fresh(clock);
    await insert(store, 'sg_c', 'sg_a');
    await clock.advance(10);
    await insert(store, 'sg_b', 'sg_d');
    await clock.advance(10);
    await store.write((tx) => tx.table('sagas').update('sg_a', 1, { state: 'done' }));
    expect(await untouched(store, { since: 1021 })).toEqual(['sg_c', 'sg_b', 'sg_d', 'sg_a']);
    expect(await untouched(store, { since: 1020 })).toEqual(['sg_c', 'sg_b', 'sg_d']);
    expect(await untouched(store, { since: 1010 })).toEqual(['sg_c']);
    expect(await untouched(store, { since: 1000 })).toEqual([]);
  });

  it('finds untouched rows by column, after a row, up to a limit', async () => {
    const clock = createManualClock(1000);
    const store = await fresh(clock);
    await insert(store, 'sg_c', 'sg_a');
    await clock.advance(10);
    await insert(store, 'sg_b', 'sg_d');
    await store.write((tx) => tx.table('sagas').update('sg_d', 1, { state: 'done' }));
    const since = 2000;
    expect(await untouched(store, { since, limit: 2 })).toEqual(['sg_a', 'sg_c']);
    expect(await untouched(store, { since, after: { id: 'sg_a', updatedAt: 1000 } })).toEqual([
      'sg_c',
      'sg_b',
      'sg_d',
    ]);
    expect(await untouched(store, { since, after: { id: 'sg_d', updatedAt: 1010 } })).toEqual([]);
    expect(await untouched(store, { since, where: { state: 'done' } })).toEqual(['sg_d']);
    expect(await untouched(store, { since, where: { state: ['running', 'stuck'] } })).toEqual([
      'sg_a',
      'sg_c',
      'sg_b',
    ]);
    expect(await untouched(store, { since, where: { subject: 'none' } })).toEqual([]);
  });

  it('drops events older than a time, oldest first, up to a limit', async () => {
    const store = await withEvents(await fresh(createManualClock(1000)), 6);
    expect(await forget(store, { before: 1000 })).toBe(0);
    expect(await forget(store, { before: 2000, limit: 2 })).toBe(2);
    expect(await seqs(store)).toEqual([3, 4, 5, 6]);
    expect(await store.read((tx) => tx.firstSeq())).toBe(3);
    expect(await store.read((tx) => tx.events({ afterSeq: 3, limit: 1 }))).toMatchObject([{ seq: 4 }]);
  });

  it('stops at the first event that is young enough, though an older one may come after it', async () => {
    const clock = createManualClock(1000);
    const store = await withEvents(await fresh(clock), 2);
    await clock.advance(100);
    await withEvents(store, 2);
    expect(await forget(store, { before: 1100 })).toBe(2);
    expect(await seqs(store)).toEqual([3, 4]);
  });

  it('drops events beyond a maximum count, however recent', async () => {
    const store = await withEvents(await fresh(), 6);
    expect(await forget(store, { before: 0, keep: 4 })).toBe(2);
    expect(await seqs(store)).toEqual([3, 4, 5, 6]);
    expect(await forget(store, { before: 0, keep: 4 })).toBe(0);
  });

  it('drops events beyond a maximum size, however recent and few', async () => {
    const store = await fresh();
    const name = 'ä'.repeat(500);
    for (let at = 0; at < 6; at += 1)
      await store.write((tx) => tx.emit({ type: 'workspace.created', subject: 'x', data: { name } }));
    // {"name":"…"} is 1 011 bytes.
    expect(await forget(store, { before: 0, keepBytes: 3 * 1011 })).toBe(3);
    expect(await seqs(store)).toEqual([4, 5, 6]);
    expect(await forget(store, { before: 0, keepBytes: 3 * 1011 })).toBe(0);
    expect(await forget(store, { before: 0, keepBytes: 1 })).toBe(2);
    await store.write((tx) => tx.emit({ type: 'workspace.created', subject: 'x', data: { name } }));
    expect(await forget(store, { before: 0, keepBytes: 2 * 1011 })).toBe(0);
  });

  it('does not hold an event for ever', async () => {
    const store = await fresh();
    const name = 'x'.repeat(2 ** 20);
    const event = await store.write((tx) =>
      tx.emit({ type: 'workspace.created', subject: 'x', data: { name } }),
    );
    expect(event.data).toEqual({ omittedCharacters: name.length + 11 });
    expect(await store.read((tx) => tx.events({ afterSeq: 0, limit: 1 }))).toEqual([event]);
  });

  it('always keeps the newest event, so that sequence numbers continue', async () => {
    const store = await withEvents(await fresh(createManualClock(1000)), 3);
    expect(await forget(store, { before: 9999, keep: 0 })).toBe(2);
    expect(await seqs(store)).toEqual([3]);
    expect(await forget(store, { before: 9999, keep: 0 })).toBe(0);
    expect((await store.write((tx) => tx.emit(fact('next')))).seq).toBe(4);
    expect(await store.read(async (tx) => [await tx.firstSeq(), await tx.lastSeq()])).toEqual([3, 4]);
  });

  it('has no first event before there is one', async () => {
    const store = await fresh();
    expect(await store.read((tx) => tx.firstSeq())).toBe(0);
    expect(await forget(store, { before: 9999 })).toBe(0);
  });

  it('drops events atomically with its transaction, and a reader keeps its snapshot', async () => {
    const store = await withEvents(await fresh(createManualClock(1000)), 3);
    const change = store.write(async (tx) => {
      await tx.emit(fact('own'));
      expect(await tx.forgetEvents({ before: 2000, keep: 1, keepBytes: 1e9, limit: 10 })).toBe(3);
      expect(await tx.firstSeq()).toBe(4);
      throw new Error('changed my mind');
    });
    await expect(change).rejects.toThrow('changed my mind');
    expect(await seqs(store)).toEqual([1, 2, 3]);
    const seen = await store.read(async (tx) => {
      const before = await tx.firstSeq();
      await forget(store, { before: 2000 });
      return [before, await tx.firstSeq()];
    });
    expect(seen).toEqual([1, 1]);
    expect(await seqs(store)).toEqual([3]);
  });
};

const insert = (store: Store, ...ids: readonly string[]): Promise<void> =>
  store.write(async (tx) => {
    for (const id of ids) await tx.table('sagas').insert(sagaRow(id));
  });

const untouched = (
  store: Store,
  query: Partial<UntouchedQuery<'sagas'>> & { since: number },
): Promise<string[]> =>
  store.read(async (tx) => (await tx.table('sagas').untouched({ limit: 100, ...query })).map(({ id }) => id));

const withEvents = async (store: Store, count: number): Promise<Store> => {
  await store.write(async (tx) => {
    for (let at = 0; at < count; at += 1) await tx.emit(fact(`${at}`));
  });
  return store;
};

const forget = (store: Store, query: Partial<ForgetQuery> & { before: number }): Promise<number> =>
  store.write((tx) => tx.forgetEvents({ keep: 1000, keepBytes: 1e9, limit: 1000, ...query }));

const seqs = (store: Store): Promise<number[]> =>
  store.read(async (tx) => (await tx.events({ afterSeq: 0, limit: 100 })).map(({ seq }) => seq));
