import { createIds } from '@berth/core';
import { createManualClock, createMemoryStore } from '@berth/core/testing';
import { expect, it, vi } from 'vitest';
import type { ServerMachines } from '../../machines/machines.ts';
import type { Caller } from '../handler-types.ts';
import { createSandboxAccess } from './sandbox-access.ts';

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
  const sandboxes = { create: vi.fn(), remove: vi.fn() };
  const commands = {
    status: vi.fn(),
    diff: vi.fn(async () => 'a diff'),
    commit: vi.fn(async () => ({ commit: 'c1' })),
    push: vi.fn(async () => ({ ref: 'r', commit: 'c1' })),
  };
  const access = createSandboxAccess({
    store,
    sandboxes,
    machines: machines as unknown as ServerMachines,
    drivers: { permit: () => undefined },
    commands,
    grants: { tokenFor: (id) => `token of ${id}` },
    ids,
  });
  return { access, inside, machines, commands };
};

it('opens only what is there and runs', async () => {
  const { access, inside, machines } = await setting();
  expect(await access.open('sb_1', operator)).toBe(inside);
  expect(machines.open).toHaveBeenCalledWith('memory', 'sb_1');
  await expect(access.open('sb_9', operator)).rejects.toMatchObject({ code: 'record.missing' });
  const ended = await setting('destroyed');
  await expect(ended.access.open('sb_1', operator)).rejects.toMatchObject({ code: 'sandbox.not_running' });
});

it('starts a shell of the wanted size in the root', async () => {
  const { access, inside } = await setting();
  expect(await access.shell('sb_1', operator, { columns: 90, rows: 30 })).toBe('terminal');
  const wanted = { cwd: '/workspace', env: { TERM: 'xterm-256color' }, columns: 90, rows: 30 };
  expect(inside.pty).toHaveBeenCalledWith(expect.objectContaining(wanted));
});

it('runs the commands of repositories inside', async () => {
  const { access, inside, commands } = await setting('running', 'ws_1');
  await access.repositories.status('sb_1', operator, 'app');
  expect(commands.status).toHaveBeenCalledWith(inside, 'app');
  expect(await access.repositories.diff('sb_1', operator, 'app')).toBe('a diff');
  expect(await access.repositories.commit('sb_1', operator, 'app', 'Message')).toBe('c1');
  expect(commands.commit).toHaveBeenCalledWith(inside, 'app', 'Message');
  expect(await access.repositories.push('sb_1', operator, 'app')).toEqual({ ref: 'r', commit: 'c1' });
  const grant = { workspaceId: 'ws_1', token: 'token of sb_1' };
  expect(commands.push).toHaveBeenCalledWith(inside, 'app', grant);
});

it('refuses a push from a sandbox without a workspace', async () => {
  const { access, commands } = await setting();
  await expect(access.repositories.push('sb_1', operator, 'app')).rejects.toMatchObject({
    code: 'push.refused',
  });
  expect(commands.push).not.toHaveBeenCalled();
});
