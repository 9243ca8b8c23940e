import { type Core, createIds, createManualClock, createMemoryStore } from '@berth/core';
import { expect, it, vi } from 'vitest';
import type { Caller } from '../http/handler-types.ts';
import type { ServerMachines } from '../machines/machines.ts';
import { createSandboxWork } from './sandbox-work.ts';

const operator: Caller = {
  tokenId: 'tn_1',
  name: 'someone',
  role: 'operator',
  gone: new AbortController().signal,
};

const setting = async (state: 'running' | 'destroyed' = 'running', workspaceId?: string) => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => new Uint8Array(bytes));
  const store = createMemoryStore({ clock, ids });
  await store.write((tx) =>
    tx.table('sandboxes').insert({
      id: 'sb_1',
      state,
      workspaceId,
      purpose: 'manual',
      driver: 'memory',
      isolation: 'none',
      limits: {},
      egress: { mode: 'open' } as never,
      root: '/workspace',
    }),
  );
  const inside = { root: '/workspace', pty: vi.fn(async () => 'terminal') };
  const machines = { open: vi.fn(async () => inside) };
  const verbs = { create: vi.fn(), remove: vi.fn() };
  const commands = {
    status: vi.fn(),
    diff: vi.fn(async () => 'a diff'),
    commit: vi.fn(async () => ({ commit: 'c1' })),
    push: vi.fn(async () => ({ ref: 'r', commit: 'c1' })),
  };
  const work = createSandboxWork({
    store,
    core: { sandboxes: verbs as unknown as Core['sandboxes'] },
    machines: machines as unknown as ServerMachines,
    drivers: { permit: () => undefined },
    commands,
    grants: { tokenFor: (id) => `token of ${id}`, hash: (token) => token },
    ids,
  });
  return { work, inside, machines, verbs, commands };
};

it('leads the verbs to the core', async () => {
  const { work, verbs } = await setting();
  await work.create({}, operator, new AbortController().signal, 'sb_2');
  await work.remove('sb_1', operator);
  expect(verbs.create).toHaveBeenCalledWith({}, 'sb_2');
  expect(verbs.remove).toHaveBeenCalledWith('sb_1', { by: 'tn_1', byName: 'someone' });
});

it('opens only what is there and runs', async () => {
  const { work, inside, machines } = await setting();
  expect(await work.open('sb_1', operator)).toBe(inside);
  expect(machines.open).toHaveBeenCalledWith('memory', 'sb_1');
  await expect(work.open('sb_9', operator)).rejects.toMatchObject({ code: 'record.missing' });
  const ended = await setting('destroyed');
  await expect(ended.work.open('sb_1', operator)).rejects.toMatchObject({ code: 'sandbox.not_running' });
});

it('starts a shell of the wanted size in the root', async () => {
  const { work, inside } = await setting();
  expect(await work.shell('sb_1', operator, { columns: 90, rows: 30 })).toBe('terminal');
  const wanted = { cwd: '/workspace', env: { TERM: 'xterm-256color' }, columns: 90, rows: 30 };
  expect(inside.pty).toHaveBeenCalledWith(expect.objectContaining(wanted));
});

it('runs the commands of repositories inside', async () => {
  const { work, inside, commands } = await setting('running', 'ws_1');
  await work.repositories.status('sb_1', operator, 'app');
  expect(commands.status).toHaveBeenCalledWith(inside, 'app');
  expect(await work.repositories.diff('sb_1', operator, 'app')).toBe('a diff');
  expect(await work.repositories.commit('sb_1', operator, 'app', 'Message')).toBe('c1');
  expect(commands.commit).toHaveBeenCalledWith(inside, 'app', 'Message');
  expect(await work.repositories.push('sb_1', operator, 'app')).toEqual({ ref: 'r', commit: 'c1' });
  const grant = { workspaceId: 'ws_1', token: 'token of sb_1' };
  expect(commands.push).toHaveBeenCalledWith(inside, 'app', grant);
});

it('refuses a push from a sandbox without a workspace', async () => {
  const { work, commands } = await setting();
  await expect(work.repositories.push('sb_1', operator, 'app')).rejects.toMatchObject({
    code: 'push.refused',
  });
  expect(commands.push).not.toHaveBeenCalled();
});
