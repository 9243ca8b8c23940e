import type { Change } from '@berth/contract';
import { createIds } from '@berth/core';
import { createManualClock, createMemoryStore } from '@berth/core/testing';
import { expect, it, vi } from 'vitest';
import { QUEUED_TASK } from '../../../test/http/queued-task.ts';
import type { Caller } from '../handler-types.ts';
import { changeHandlers } from './change.ts';
import { taskHandlers } from './task.ts';
import { workspaceHandlers } from './workspace.ts';

const caller: Caller = {
  tokenId: 'tn_1',
  name: 'someone',
  role: 'operator',
  gone: new AbortController().signal,
};
const call = (params: object, body: object = {}) =>
  ({
    params,
    body,
    caller,
    query: {},
    signal: caller.gone,
    requestId: 'rq_1',
    lastEventId: undefined,
  }) as never;

const setting = () => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const workspaces = { create: vi.fn(), remove: vi.fn() };
  const tasks = { check: vi.fn(), create: vi.fn(), cancel: vi.fn(), retry: vi.fn(), prompt: vi.fn() };
  const changes = { decide: vi.fn() };
  const drivers = { permit: vi.fn() };
  const asked: AbortSignal[] = [];
  const diff = async (...args: unknown[]) => `${args.join(' ')}\n`;
  const hub = {
    until: (signal: AbortSignal) => {
      asked.push(signal);
      return { diff };
    },
  };
  return {
    ...{ store, workspaces, tasks, changes, drivers, asked },
    handlers: {
      ...workspaceHandlers({ store, workspaces, drivers }),
      ...taskHandlers({ store, tasks, drivers }),
      ...changeHandlers({ store, changes, hub }),
    },
  };
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

it('says who decides about a change, by id and by name', async () => {
  const { handlers, changes } = setting();
  await handlers['change.reject'](call({ id: 'ch_1' }, { reason: 'no' }));
  const decision = { verdict: 'rejected', reason: 'no', by: 'tn_1', byName: 'someone' };
  expect(changes.decide).toHaveBeenCalledWith('ch_1', decision);
});

it('asks for every request whether its caller may use the driver that will do it', async () => {
  const { handlers, workspaces, tasks, drivers, store } = setting();
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
    () => handlers['workspace.create'](call({}, { repositories: [], driver: 'bare' })),
    () => handlers['task.check'](call({}, { driver: 'bare' })),
    () => handlers['task.create'](call({}, { workspaceId: 'ws_1', prompt: 'do' })),
    () => handlers['task.retry'](call({ id: 'tk_1' })),
    () => handlers['task.prompt'](call({ id: 'tk_1' }, { prompt: 'more' })),
  ];
  for (const request of requests) await expect(request()).rejects.toBe(refusal);
  expect(drivers.permit.mock.calls).toEqual(requests.map(() => ['bare', 'operator']));
  for (const verb of Object.values(tasks)) expect(verb).not.toHaveBeenCalled();
  expect(workspaces.create).not.toHaveBeenCalled();
});

it('shows the parts of a change that were merged, and nothing when its task is gone', async () => {
  const { handlers, store, asked } = setting();
  const landed = change([
    { ...part, base: 'x', merge: 'y' },
    { ...part, base: 'x' },
    part,
    { ...part, repository: 'lib', base: 'p', merge: 'q' },
  ]);
  await store.write((tx) => tx.table('changes').insert(landed));
  const diff = () => handlers['change.diff'](call({ id: 'ch_1' }));
  expect(await diff()).toBe('');
  await store.write((tx) =>
    tx.table('tasks').insert({ ...QUEUED_TASK, id: 'tk_1', workspaceId: 'ws_1', title: '', prompt: '' }),
  );
  expect(await diff()).toBe('ws_1 app x y \nws_1 lib p q \n');
  const repository = (name: string) => ({ name, source: `/${name}`, branch: 'main' });
  const repositories = [repository('app'), repository('lib')];
  await store.write((tx) => tx.table('workspaces').insert({ id: 'ws_1', name: 'shop', repositories }));
  expect(await diff()).toBe('ws_1 app x y app\nws_1 lib p q lib\n');
  expect(new Set(asked)).toEqual(new Set([caller.gone]));
});
