import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change } from '@berth/contract';
import { createCore, createIds } from '@berth/core';
import { createScriptedWorld } from '@berth/core/simulation';
import { drivers as registry } from '@berth/plugins/drivers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { QUEUED_TASK } from '../../../test/http/queued-task.ts';
import { openDrivers } from '../../machines/drivers.ts';
import type { Caller } from '../handler-types.ts';
import { changeHandlers } from './change.ts';
import { taskHandlers } from './task.ts';
import { workspaceHandlers } from './workspace.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

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

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-handlers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The handlers over a core and the shipped drivers; only the hub is scripted. */
const setting = async () => {
  const { clock, store, dice, ports } = createScriptedWorld(digest, { seed: 1 });
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'test' });
  const drivers = await openDrivers({
    registry,
    config: { host: {} },
    defaultDrivers: [],
    trustedGateDrivers: [],
    folder,
    host: { installation: 'in1', guest: { node: '/n', bundle: '/b' }, log: () => undefined },
  });
  const signals: AbortSignal[] = [];
  const diff = async (...args: unknown[]) => `${args.join(' ')}\n`;
  const hub = {
    until: (signal: AbortSignal) => {
      signals.push(signal);
      return { diff };
    },
  };
  const written = () =>
    store.read(async (tx) => (await tx.events({ afterSeq: 0, limit: 100 })).map(({ type }) => type));
  return {
    ...{ store, signals, written },
    handlers: {
      ...workspaceHandlers({ store, workspaces: core.workspaces, drivers }),
      ...taskHandlers({ store, tasks: core.tasks, drivers }),
      ...changeHandlers({ store, changes: core.changes, hub }),
    },
  };
};

const change = (parts: Change['parts'], state: Change['state'] = 'merged'): Change => ({
  id: 'ch_1',
  state,
  taskId: 'tk_1',
  attemptId: 'at_1',
  title: 'A change',
  parts,
  revision: 1,
  createdAt: 0,
  updatedAt: 0,
});
const part = { repository: 'app', branch: 'b', target: 'main', head: 'c' };
const task = { ...QUEUED_TASK, id: 'tk_1', workspaceId: 'ws_1', title: '', prompt: '' };

it('records who decides about a change, by id and by name', async () => {
  const { handlers, store } = await setting();
  await store.write(async (tx) => {
    await tx.table('tasks').insert({ ...task, state: 'waiting' });
    await tx.table('changes').insert(change([part], 'waiting'));
  });
  await handlers['change.reject'](call({ id: 'ch_1' }, { reason: 'no' }));
  const decision = { verdict: 'rejected', reason: 'no', by: 'tn_1', byName: 'someone' };
  expect(await store.read((tx) => tx.table('changes').get('ch_1'))).toMatchObject({ decision });
});

it('refuses every request for a driver that its caller may not use, and writes nothing', async () => {
  const { handlers, store, written } = await setting();
  const repositories = [{ name: 'app', source: '/app', branch: 'main' }];
  await store.write(async (tx) => {
    await tx.table('workspaces').insert({ id: 'ws_1', name: 'shop', repositories, driver: 'host' });
    await tx.table('tasks').insert(task);
  });
  const before = await written();
  const requests = [
    () => handlers['workspace.create'](call({}, { repositories: [], driver: 'host' })),
    () => handlers['task.check'](call({}, { driver: 'host' })),
    () => handlers['task.create'](call({}, { workspaceId: 'ws_1', prompt: 'do' })),
    () => handlers['task.retry'](call({ id: 'tk_1' })),
    () => handlers['task.prompt'](call({ id: 'tk_1' }, { prompt: 'more' })),
  ];
  for (const request of requests) await expect(request()).rejects.toMatchObject({ code: 'auth.forbidden' });
  expect(await written()).toEqual(before);
});

it('shows the parts of a change that were merged, and nothing when its task is gone', async () => {
  const { handlers, store, signals } = await setting();
  const landed = change([
    { ...part, base: 'x', merge: 'y' },
    { ...part, base: 'x' },
    part,
    { ...part, repository: 'lib', base: 'p', merge: 'q' },
  ]);
  await store.write((tx) => tx.table('changes').insert(landed));
  const diff = () => handlers['change.diff'](call({ id: 'ch_1' }));
  expect(await diff()).toBe('');
  await store.write((tx) => tx.table('tasks').insert(task));
  expect(await diff()).toBe('ws_1 app x y \nws_1 lib p q \n');
  const repository = (name: string) => ({ name, source: `/${name}`, branch: 'main' });
  const repositories = [repository('app'), repository('lib')];
  await store.write((tx) => tx.table('workspaces').insert({ id: 'ws_1', name: 'shop', repositories }));
  expect(await diff()).toBe('ws_1 app x y app\nws_1 lib p q lib\n');
  expect(new Set(signals)).toEqual(new Set([caller.gone]));
});
