/** Laws of single tables: insert, update by revision, remove, find. */
import { expect, it } from 'vitest';
import type { ListQuery, Store } from '../../src/kernel/store/store.ts';
import { createManualClock } from '../manual-clock.ts';
import { lease, sagaRow } from './fixtures.ts';
import type { Fresh } from './store.ts';

export const recordLaws = (fresh: Fresh): void => {
  it('gives back what was inserted, with revision 1 and the time', async () => {
    const clock = createManualClock(5000);
    const store = await fresh(clock);
    const inserted = await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1')));
    expect(inserted).toEqual({ ...sagaRow('sg_1'), revision: 1, createdAt: 5000, updatedAt: 5000 });
    expect(await get(store, 'sg_1')).toEqual(inserted);
    expect(await get(store, 'sg_2')).toBeUndefined();
  });

  it('leaves out fields that are undefined', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('sagas').insert({ ...sagaRow('sg_1'), subject: undefined }));
    expect(Object.keys((await get(store, 'sg_1')) ?? {})).not.toContain('subject');
  });

  it('refuses a second record of one id, and the first stays', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1', 'first')));
    const again = store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1', 'second')));
    await expect(again).rejects.toMatchObject({
      code: 'record.exists',
      details: { id: 'sg_1', noun: 'saga' },
    });
    expect((await get(store, 'sg_1'))?.subject).toBe('first');
  });

  it('updates the given fields, counts the revision and keeps the rest', async () => {
    const clock = createManualClock(1000);
    const store = await fresh(clock);
    const row = await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1', 'about')));
    await clock.advance(10);
    const updated = await store.write((tx) =>
      tx.table('sagas').update('sg_1', 1, { state: 'done', result: [1] }),
    );
    expect(updated).toEqual({ ...row, state: 'done', result: [1], revision: 2, updatedAt: 1010 });
    expect(await get(store, 'sg_1')).toEqual(updated);
  });

  it('removes an optional field by undefined, and it is no longer found by that column', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1', 'about')));
    await store.write((tx) => tx.table('sagas').update('sg_1', 1, { subject: undefined }));
    expect(Object.keys((await get(store, 'sg_1')) ?? {})).not.toContain('subject');
    expect(await ids(store, { where: { subject: 'about' } })).toEqual([]);
  });

  it('refuses an update of another revision, or of nothing', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1')));
    const update = (id: string, revision: number) =>
      store.write((tx) => tx.table('sagas').update(id, revision, { state: 'done' }));
    await expect(update('sg_1', 2)).rejects.toMatchObject({
      code: 'record.changed',
      details: { id: 'sg_1' },
    });
    await expect(update('sg_2', 1)).rejects.toMatchObject({
      code: 'record.missing',
      details: { id: 'sg_2' },
    });
    expect((await get(store, 'sg_1'))?.state).toBe('running');
  });

  it('removes, and reports whether something existed', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1')));
    expect(await store.write((tx) => tx.table('sagas').remove('sg_1'))).toBe(true);
    expect(await store.write((tx) => tx.table('sagas').remove('sg_1'))).toBe(false);
    expect(await get(store, 'sg_1')).toBeUndefined();
  });

  it('lists by id, either way, after an id, up to a limit', async () => {
    const store = await withSagas(await fresh(), 'sg_3', 'sg_1', 'sg_4', 'sg_2');
    expect(await ids(store, {})).toEqual(['sg_1', 'sg_2', 'sg_3', 'sg_4']);
    expect(await ids(store, { order: 'desc', limit: 2 })).toEqual(['sg_4', 'sg_3']);
    expect(await ids(store, { after: 'sg_2' })).toEqual(['sg_3', 'sg_4']);
    expect(await ids(store, { after: 'sg_3', order: 'desc' })).toEqual(['sg_2', 'sg_1']);
    expect(await ids(store, { after: 'sg_1', limit: 1 })).toEqual(['sg_2']);
    expect(await ids(store, { limit: 0 })).toEqual([]);
  });

  it('finds by indexed columns: one value, any of a list, all of several columns', async () => {
    const store = await withSagas(await fresh(), 'sg_1', 'sg_2', 'sg_3');
    await store.write(async (tx) => {
      await tx.table('sagas').update('sg_2', 1, { state: 'done', subject: 'it' });
      await tx.table('sagas').update('sg_3', 1, { state: 'stuck', subject: 'it' });
    });
    expect(await ids(store, { where: { state: 'done' } })).toEqual(['sg_2']);
    expect(await ids(store, { where: { state: ['running', 'stuck'] } })).toEqual(['sg_1', 'sg_3']);
    expect(await ids(store, { where: { state: ['done', 'running'], subject: 'it' } })).toEqual(['sg_2']);
    expect(await ids(store, { where: { state: undefined } })).toEqual(['sg_1', 'sg_2', 'sg_3']);
    expect(await ids(store, { where: { state: [] } })).toEqual([]);
    expect(await ids(store, { where: { subject: "' or 1=1 --" } })).toEqual([]);
  });

  it('lists at most 1000 rows by default', async () => {
    const store = await fresh();
    await store.write(async (tx) => {
      for (let at = 0; at < 1001; at += 1)
        await tx.table('leases').insert(lease(String(at).padStart(5, '0')));
    });
    expect(await store.read(async (tx) => (await tx.table('leases').list()).length)).toBe(1000);
    expect(await store.read((tx) => tx.table('leases').count())).toBe(1001);
  });

  it('counts, also by the values of a column', async () => {
    const store = await withSagas(await fresh(), 'sg_1', 'sg_2', 'sg_3');
    await store.write((tx) => tx.table('sagas').update('sg_2', 1, { state: 'done', subject: 'it' }));
    await store.read(async (tx) => {
      const sagas = tx.table('sagas');
      expect(await sagas.count()).toBe(3);
      expect(await sagas.count({ state: 'running' })).toBe(2);
      expect(await sagas.count({ state: ['done', 'stuck'], subject: 'it' })).toBe(1);
      expect(await sagas.countBy('state')).toEqual({ running: 2, done: 1 });
      expect(await sagas.countBy('subject')).toEqual({ it: 1 });
      expect(await tx.table('leases').countBy('owner')).toEqual({});
    });
  });
};

const get = (store: Store, id: string) => store.read((tx) => tx.table('sagas').get(id));

const ids = (store: Store, query: ListQuery<'sagas'>): Promise<string[]> =>
  store.read(async (tx) => (await tx.table('sagas').list(query)).map((row) => row.id));

const withSagas = async (store: Store, ...names: readonly string[]): Promise<Store> => {
  await store.write(async (tx) => {
    for (const name of names) await tx.table('sagas').insert(sagaRow(name));
  });
  return store;
};
