/** Laws of transactions and of the log: all or nothing, one after the other, events in order and without holes. */
import { dataOf } from '@berth/contract';
import { expect, it } from 'vitest';
import type { EventQuery, Store } from '../../src/kernel/store/store.ts';
import { createManualClock } from '../manual-clock.ts';
import { addJobs, claimIds, fact, job, lease, sagaRow } from './fixtures.ts';
import type { Fresh } from './store.ts';

export const writeLaws = (fresh: Fresh): void => {
  it('resolves with the result of the change', async () => {
    const store = await fresh();
    expect(await store.write(async () => 'answer')).toBe('answer');
    expect(await store.read(async () => 'look')).toBe('look');
  });

  it('leaves no trace of a change that rejects, and rejects with the same error', async () => {
    const store = await fresh();
    await store.write(async (tx) => {
      await tx.table('leases').insert(lease('kept'));
      await tx.table('leases').insert(lease('there'));
      await tx.emit(fact('one'));
    });
    await addJobs(store, job('jb_1'));
    const seen = watch(store);
    const trouble = new Error('changed my mind');
    const change = store.write(async (tx) => {
      await tx.table('leases').insert(lease('gone'));
      await tx.table('leases').update('kept', 1, { owner: 'another' });
      await tx.table('leases').remove('there');
      await tx.table('jobs').insert(job('jb_2'));
      await tx.jobs.claim({ queue: 'work', now: 0, owner: 'me', leaseUntil: 9, limit: 1 });
      await tx.emit(fact('never'));
      throw trouble;
    });
    await expect(change).rejects.toBe(trouble);

    expect(await leaseOwners(store)).toEqual(['kept somebody', 'there somebody']);
    expect(seen.batches).toEqual([]);
    const next = await store.write((tx) => tx.emit(fact('two')));
    expect(next.seq).toBe(2);
    expect(await claimIds(store, { now: 0 })).toEqual(['jb_1']);
  });

  it('leaves no trace of earlier parts when a later one is refused', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('sagas').insert(sagaRow('sg_1')));
    const change = store.write(async (tx) => {
      await tx.table('leases').insert(lease('gone'));
      await tx.emit(fact('never'));
      await tx.table('sagas').insert(sagaRow('sg_1'));
    });
    await expect(change).rejects.toMatchObject({ code: 'record.exists' });
    expect(await leaseOwners(store)).toEqual([]);
    expect(await store.read((tx) => tx.lastSeq())).toBe(0);
  });

  it('continues after a rejected change', async () => {
    const store = await fresh();
    const changes = [1, 2, 3].map((number) =>
      store.write(async (tx) => {
        await tx.emit(fact(`${number}`));
        if (number === 2) throw new Error('not this one');
      }),
    );
    expect((await Promise.allSettled(changes)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await titles(store, {})).toEqual(['1', '3']);
  });

  it('sees its own changes before others do', async () => {
    const store = await fresh();
    await store.write(async (tx) => {
      await tx.table('leases').insert(lease('new'));
      await tx.emit(fact('new'));
      expect(await tx.table('leases').get('new')).toMatchObject({ owner: 'somebody' });
      expect(await tx.table('leases').count()).toBe(1);
      expect(await tx.lastSeq()).toBe(1);
      expect(await tx.events({ afterSeq: 0, limit: 10 })).toHaveLength(1);
    });
  });

  it('runs writes one after the other, also when all are started at once', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('leases').insert({ ...lease('counter'), fence: 0 }));
    const count = async () =>
      store.write(async (tx) => {
        const row = await tx.table('leases').get('counter');
        await Promise.resolve();
        await tx.table('leases').update('counter', row?.revision ?? 0, { fence: (row?.fence ?? 0) + 1 });
        await tx.emit(fact('counted'));
      });
    await Promise.all(Array.from({ length: 30 }, count));
    const row = await store.read((tx) => tx.table('leases').get('counter'));
    expect(row).toMatchObject({ fence: 30, revision: 31 });
    const events = await store.read((tx) => tx.events({ afterSeq: 0, limit: 100 }));
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
  });

  it('gives a reader one snapshot', async () => {
    const store = await fresh();
    await store.write((tx) => tx.table('leases').insert(lease('a')));
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun: () => void = () => undefined;
    const reading = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const look = store.read(async (tx) => {
      const before = [await tx.table('leases').count(), await tx.lastSeq()];
      begun();
      await held;
      return [before, [await tx.table('leases').count(), await tx.lastSeq()]];
    });
    await reading;
    const change = store.write(async (tx) => {
      await tx.table('leases').insert(lease('b'));
      await tx.emit(fact('b'));
    });
    await change;
    release();
    expect(await look).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it('writes an event whole: number, id, version, time, subject, cause, data', async () => {
    const clock = createManualClock(777);
    const store = await fresh(clock);
    const event = await store.write((tx) => tx.emit({ ...fact('whole', 'tk_1'), causedBy: 'sg_1' }));
    expect(event).toEqual({
      seq: 1,
      id: expect.stringMatching(/^ev_[0-9a-z]{20}$/),
      type: 'task.created',
      version: 1,
      at: 777,
      subject: 'tk_1',
      causedBy: 'sg_1',
      data: { title: 'whole' },
    });
    expect(await store.read((tx) => tx.events({ afterSeq: 0, limit: 1 }))).toEqual([event]);
    const plain = await store.write((tx) => tx.emit(fact('plain')));
    expect(Object.keys(plain)).not.toContain('causedBy');
    expect(plain.id).not.toBe(event.id);
  });

  it('refuses an event that the contract does not know, or whose data violates its schema', async () => {
    const store = await fresh();
    const emit = (type: string, data: Record<string, unknown>) =>
      store.write((tx) => tx.emit({ type: type as 'task.created', subject: 'x', data }));
    await expect(emit('task.invented', {})).rejects.toThrow('task.invented');
    await expect(emit('task.created', { title: 7 })).rejects.toThrow('task.created');
    expect(await store.read((tx) => tx.lastSeq())).toBe(0);
  });

  it('reads events after a number, up to a limit, by subject, by type, by noun', async () => {
    const store = await fresh();
    await store.write(async (tx) => {
      await tx.emit(fact('1', 'tk_a'));
      await tx.emit(fact('2', 'tk_b'));
      await tx.emit({ type: 'task.prompted', subject: 'tk_a', data: { prompt: 'p' } });
      await tx.emit({ type: 'workspace.created', subject: 'ws_a', data: { name: 'n' } });
    });
    expect(await seqs(store, {})).toEqual([1, 2, 3, 4]);
    expect(await seqs(store, { afterSeq: 2 })).toEqual([3, 4]);
    expect(await seqs(store, { afterSeq: 4 })).toEqual([]);
    expect(await seqs(store, { limit: 2 })).toEqual([1, 2]);
    expect(await seqs(store, { subject: 'tk_a' })).toEqual([1, 3]);
    expect(await seqs(store, { type: 'task.created' })).toEqual([1, 2]);
    expect(await seqs(store, { type: 'task.*' })).toEqual([1, 2, 3]);
    expect(await seqs(store, { type: 't%.*' })).toEqual([]);
    expect(await seqs(store, { type: 'task.*', subject: 'tk_a', afterSeq: 1, limit: 1 })).toEqual([3]);
    expect(await store.read((tx) => tx.lastSeq())).toBe(4);
  });

  it('notifies subscribers of every commit, in order, until they stop', async () => {
    const store = await fresh();
    const seen = watch(store);
    const other = watch(store);
    await Promise.all(['1', '2', '3'].map((title) => store.write((tx) => tx.emit(fact(title)))));
    await store.write((tx) => tx.table('leases').insert(lease('quiet')));
    expect(seen.batches).toEqual([[1], [2], [3], []]);
    seen.stop();
    await store.write(async (tx) => {
      await tx.emit(fact('4'));
      await tx.emit(fact('5'));
    });
    expect(seen.batches).toHaveLength(4);
    expect(other.batches).toEqual([[1], [2], [3], [], [4, 5]]);
    other.stop();
  });

  it('has committed the change before it notifies', async () => {
    const store = await fresh();
    const looks: Promise<number>[] = [];
    const stop = store.notices.subscribe(() => looks.push(store.read((tx) => tx.table('leases').count())));
    await store.write((tx) => tx.table('leases').insert(lease('a')));
    stop();
    expect(await Promise.all(looks)).toEqual([1]);
  });
};

const watch = (store: Store) => {
  const batches: number[][] = [];
  const stop = store.notices.subscribe(({ events }) => void batches.push(events.map(({ seq }) => seq)));
  return { batches, stop };
};

const seqs = (store: Store, query: Partial<EventQuery>): Promise<number[]> =>
  store.read(async (tx) => (await tx.events({ afterSeq: 0, limit: 100, ...query })).map(({ seq }) => seq));

const titles = (store: Store, query: Partial<EventQuery>): Promise<unknown[]> =>
  store.read(async (tx) =>
    (await tx.events({ afterSeq: 0, limit: 100, ...query })).map(
      (event) => dataOf(event, 'task.created')?.title,
    ),
  );

const leaseOwners = (store: Store): Promise<string[]> =>
  store.read(async (tx) => (await tx.table('leases').list()).map(({ id, owner }) => `${id} ${owner}`));
