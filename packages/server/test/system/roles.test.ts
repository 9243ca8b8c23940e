/** How far a token reaches: what an operator and a viewer try against the real server, and what programs of an owner see. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Sandbox } from '@berth/contract';
import { type Client, createClient } from '@berth/sdk/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';

const HOST_SECRET = 'host-environment-canary-77ab';
const isRoot = process.getuid?.() === 0;

let world: SystemWorld;
let operator: Client;
let bare: Sandbox;

const clientOf = async (role: 'viewer' | 'operator'): Promise<Client> => {
  const { secret } = await world.client.tokens.create({ name: role, role });
  return createClient({ address: world.address, token: secret });
};

beforeAll(async () => {
  world = await createWorld({ config: { drivers: { host: {} } }, env: { BERTH_TEST_CANARY: HOST_SECRET } });
  operator = await clientOf('operator');
  bare = await world.client.sandboxes.create({ driver: 'host' });
}, 120_000);
afterAll(() => world?.end(), 120_000);

const forbidden = { code: 'auth.forbidden', details: { needs: 'owner' } };
const bytes = new Uint8Array([1]);

describe('the host driver', () => {
  test('does nothing for an operator, by whatever route', async () => {
    const source = makeRepository(world.folder, 'bare', { 'README.md': 'here\n' });
    const workspace = await world.client.workspaces.create({
      name: 'bare',
      repositories: [{ source }],
      driver: 'host',
    });
    const { id } = bare;
    const workspaceId = workspace.id;
    const attempts = [
      () => operator.sandboxes.create({ driver: 'host' }),
      () => operator.sandboxes.create({ workspaceId }),
      () => operator.workspaces.create({ repositories: [{ source }], driver: 'host' }),
      () => operator.tasks.create({ workspaceId, prompt: 'Become root.' }),
      () => operator.sandboxes.exec({ id, shell: 'id' }),
      () => operator.sandboxes.readFile({ id, path: '/etc/passwd' }),
      () => operator.sandboxes.writeFile({ id, path: 'x', bytes }),
      () => operator.sandboxes.gitStatus({ id, repository: 'bare' }),
      () => operator.sandboxes.metrics({ id }),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(forbidden);
  }, 60_000);

  test('runs programs as a user who sees neither the server nor its files, or says that it cannot', async () => {
    if (!isRoot) {
      expect(bare.unenforced?.join()).toContain('user: programs run as the user of the server');
      return;
    }
    const script = `
      id -u; id -G; env
      cat /proc/${world.pid}/environ /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
      ls -l ${world.home} 2>&1
      for file in config.json owner-token berth.db berth.db-wal berth.db-shm installation-key hub run drivers/oci
      do head -c 100 ${world.home}/$file 2>&1 || ls ${world.home}/$file; done; true`;
    const ran = await world.client.sandboxes.exec({ id: bare.id, shell: script });
    const [uid = '', groups] = ran.stdout.split('\n');
    expect(Number(uid)).toBeGreaterThan(65_536);
    expect(groups).toBe(uid);
    for (const secret of [HOST_SECRET, world.modelKey, world.token, 'SQLite format', 'drivers":'])
      expect(ran.stdout).not.toContain(secret);
    expect(bare.unenforced?.join()).not.toContain('user:');

    const other = await world.client.sandboxes.create({ driver: 'host' });
    const looked = await world.client.sandboxes.exec({
      id: other.id,
      shell: `id -u; ls ${bare.root}; true`,
    });
    expect(looked.stdout).not.toContain(uid);
    expect(looked.stderr).toContain('Permission denied');
  }, 60_000);
});

test('a viewer reads the work in a sandbox and nothing else of it', async () => {
  const viewer = await clientOf('viewer');
  const { id } = await world.client.sandboxes.create({});
  const made = [
    'mkdir -p shop/.git shop/src; echo work > shop/src/a.txt; echo secret > shop/.git/config; echo mine > ~/mine',
    'ln -s /proc/self/environ shop/environ; ln -s /proc shop/proc; ln -s src shop/linked; ln -s /home/agent home',
  ];
  await world.client.sandboxes.exec({ id, shell: made.join('; ') });
  expect(Buffer.from(await viewer.sandboxes.readFile({ id, path: 'shop/src/a.txt' })).toString()).toBe(
    'work\n',
  );
  const { entries } = await viewer.sandboxes.listFiles({ id, path: '/workspace/shop' });
  expect(entries.map(({ name }) => name)).toEqual(['environ', 'linked', 'proc', 'src']);
  const refused = [
    ...['/proc/1/environ', '/proc/self/environ', '/home/agent/mine', '/etc/passwd', '../proc/1/environ'],
    ...[
      '/workspace/../proc/1/environ',
      'shop/environ',
      'shop/proc/1/environ',
      'shop/linked/a.txt',
      'home/mine',
    ],
    ...['shop/.git/config', '/workspacex', 'shop/src'],
  ];
  for (const path of refused)
    await expect(viewer.sandboxes.readFile({ id, path }), path).rejects.toMatchObject({
      code: 'file.refused',
    });
  for (const path of ['/', '/proc/1', 'shop/proc', 'home', 'shop/.git', '..'])
    await expect(viewer.sandboxes.listFiles({ id, path }), path).rejects.toMatchObject({
      code: 'file.refused',
    });
  expect((await operator.sandboxes.readFile({ id, path: '/etc/passwd' })).length).toBeGreaterThan(0);
}, 60_000);

test('nothing in the home but the drivers’ folder is open to other users', () => {
  const open = readdirSync(world.home).filter(
    (name) => name !== 'drivers' && (statSync(join(world.home, name)).mode & 0o077) !== 0,
  );
  expect(open).toEqual([]);
});
