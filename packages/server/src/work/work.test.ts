import type { Change } from '@berth/contract';
import { type Core, createIds, createManualClock, createMemoryStore, type Hub } from '@berth/core';
import { expect, it, vi } from 'vitest';
import { QUEUED_TASK } from '../../test/http/queued-task.ts';
import type { Work } from '../http/handlers/index.ts';
import { createWork } from './work.ts';

const caller = {
  tokenId: 'tn_1',
  name: 'someone',
  role: 'operator',
  gone: new AbortController().signal,
} as const;

const setting = () => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const core = {
    workspaces: { create: vi.fn(), remove: vi.fn() },
    tasks: { check: vi.fn(), create: vi.fn(), cancel: vi.fn(), retry: vi.fn(), prompt: vi.fn() },
    changes: { decide: vi.fn() },
  };
  const asked: AbortSignal[] = [];
  const hub = {
    diff: async (...args: string[]) => `${args.join(' ')}\n`,
    until(signal: AbortSignal) {
      asked.push(signal);
      return hub;
    },
  };
  const [sandboxes, system] = [{} as Work['sandboxes'], {} as Work['system']];
  const drivers = { permit: vi.fn() };
  const work = createWork({
    ...{ store, drivers, sandboxes, system },
    core: core as unknown as Core,
    hub: hub as unknown as Hub,
  });
  return { store, core, drivers, work, asked };
};

const change = (parts: Change['parts']): Change => ({
  id: 'ch_1',
  state: 'merged',
  taskId: 'tk_1',
  attemptId: 'at_1',
  title: 'A change',
  parts,
  revision: 1,
  createdAt: 0,
  updatedAt: 0,
});
const part = { repository: 'app', branch: 'b', target: 'main', head: 'c' };

it('leads the verbs to the core', async () => {
  const { work, core } = setting();
  await work.workspaces.remove('ws_1', caller);
  await work.tasks.cancel('tk_1', undefined, caller);
  await work.tasks.cancel('tk_2', 'enough', caller);
  await work.tasks.retry('tk_1', caller);
  await work.tasks.prompt('tk_1', 'more', caller);
  await work.workspaces.create({} as never, caller, new AbortController().signal, 'ws_2');
  await work.tasks.create({} as never, caller, 'tk_3');
  await work.tasks.check({ agent: 'main' }, caller);
  expect(core.tasks.check).toHaveBeenCalledWith({ agent: 'main' });
  expect(core.workspaces.remove).toHaveBeenCalledWith('ws_1');
  expect(core.tasks.cancel.mock.calls).toEqual([
    ['tk_1', 'it was asked for'],
    ['tk_2', 'enough'],
  ]);
  expect(core.tasks.retry).toHaveBeenCalledWith('tk_1');
  expect(core.tasks.prompt).toHaveBeenCalledWith('tk_1', 'more');
  expect(core.workspaces.create).toHaveBeenCalledWith({}, 'ws_2', expect.any(AbortSignal));
  expect(core.tasks.create).toHaveBeenCalledWith({}, 'tk_3');
});

it('says who decides about a change, by id and by name', async () => {
  const { work, core } = setting();
  await work.changes.decide('ch_1', { verdict: 'rejected', reason: 'no' }, caller);
  const decision = { verdict: 'rejected', reason: 'no', by: 'tn_1', byName: 'someone' };
  expect(core.changes.decide).toHaveBeenCalledWith('ch_1', decision);
});

it('asks for every request whether its caller may use the driver that will do it', async () => {
  const { work, core, drivers, store } = setting();
  const refusal = new Error('not you');
  drivers.permit.mockImplementation(() => {
    throw refusal;
  });
  const repositories = [{ name: 'app', source: '/app', branch: 'main' }];
  await store.write(async (tx) => {
    await tx.table('workspaces').insert({ id: 'ws_1', name: 'shop', repositories, driver: 'bare' });
    await tx
      .table('tasks')
      .insert({ ...QUEUED_TASK, id: 'tk_1', workspaceId: 'ws_1', title: '', prompt: '' });
  });
  const requests = [
    () => work.workspaces.create({ repositories: [], driver: 'bare' }, caller, caller.gone),
    () => work.tasks.check({ driver: 'bare' }, caller),
    () => work.tasks.create({ workspaceId: 'ws_1', prompt: 'do' }, caller),
    () => work.tasks.retry('tk_1', caller),
    () => work.tasks.prompt('tk_1', 'more', caller),
  ];
  for (const request of requests) await expect(request()).rejects.toBe(refusal);
  expect(drivers.permit.mock.calls).toEqual(requests.map(() => ['bare', 'operator']));
  for (const verb of Object.values(core.tasks)) expect(verb).not.toHaveBeenCalled();
  expect(core.workspaces.create).not.toHaveBeenCalled();
});

it('shows the parts of a change that were merged, and nothing when its task is gone', async () => {
  const { work, store, asked } = setting();
  const { signal } = new AbortController();
  const landed = change([
    { ...part, base: 'x', merge: 'y' },
    { ...part, base: 'x' },
    part,
    { ...part, repository: 'lib', base: 'p', merge: 'q' },
  ]);
  expect(await work.changes.diff(landed, signal)).toBe('');
  await store.write((tx) =>
    tx.table('tasks').insert({ ...QUEUED_TASK, id: 'tk_1', workspaceId: 'ws_1', title: '', prompt: '' }),
  );
  expect(await work.changes.diff(landed, signal)).toBe('ws_1 app x y \nws_1 lib p q \n');
  const repository = (name: string) => ({ name, source: `/${name}`, branch: 'main' });
  const repositories = [repository('app'), repository('lib')];
  await store.write((tx) => tx.table('workspaces').insert({ id: 'ws_1', name: 'shop', repositories }));
  expect(await work.changes.diff(landed, signal)).toBe('ws_1 app x y app\nws_1 lib p q lib\n');
  expect(new Set(asked)).toEqual(new Set([signal]));
});
