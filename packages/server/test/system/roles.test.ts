/** How far a token reaches: what an operator and a viewer try against the real server, and what programs of an owner see. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { RouteId, Sandbox } from '@berth/contract';
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
const execId = `ex_${'1'.repeat(20)}`;
const repository = 'bare';

/** Who may look at the record of a sandbox, and have it removed, is not let in. */
type InsideRoute = Exclude<
  Extract<RouteId, `sandbox.${string}`>,
  'sandbox.create' | 'sandbox.list' | 'sandbox.get' | 'sandbox.remove'
>;

/** Every route into a sandbox, asked as somebody who may ask it anywhere else. */
const INSIDE: Readonly<Record<InsideRoute, (of: Client['sandboxes'], id: string) => Promise<unknown>>> = {
  'sandbox.exec': (of, id) => of.exec({ id, shell: 'id' }),
  'sandbox.logs': (of, id) => Array.fromAsync(of.logs({ id, execId })),
  'sandbox.signal': (of, id) => of.signal({ id, execId, signal: 'SIGTERM' }),
  'sandbox.shell': (of, id) => endOfSocket(of.shell({ id })),
  'sandbox.connectPort': (of, id) => endOfSocket(of.connectPort({ id, port: 22 })),
  'sandbox.listFiles': (of, id) => of.listFiles({ id, path: '/' }),
  'sandbox.readFile': (of, id) => of.readFile({ id, path: '/etc/passwd' }),
  'sandbox.writeFile': (of, id) => of.writeFile({ id, path: 'x', bytes: new Uint8Array([1]) }),
  'sandbox.makeFolder': (of, id) => of.makeFolder({ id, path: 'x' }),
  'sandbox.renameFile': (of, id) => of.renameFile({ id, from: 'x', to: 'y' }),
  'sandbox.removeFile': (of, id) => of.removeFile({ id, path: 'x' }),
  'sandbox.gitStatus': (of, id) => of.gitStatus({ id, repository }),
  'sandbox.gitDiff': (of, id) => of.gitDiff({ id, repository }),
  'sandbox.gitCommit': (of, id) => of.gitCommit({ id, repository, message: 'x' }),
  'sandbox.gitPush': (of, id) => of.gitPush({ id, repository }),
  'sandbox.metrics': (of, id) => of.metrics({ id }),
};

/** A socket is refused as it closes, by the code of the refusal. */
const endOfSocket = (socket: WebSocket): Promise<never> =>
  new Promise((_, reject) => {
    socket.addEventListener('close', ({ reason }) => reject({ ...forbidden, code: reason }));
  });

describe('the host driver', () => {
  test('does nothing for an operator, by whatever route', async () => {
    const source = makeRepository(world.folder, 'bare', { 'README.md': 'here\n' });
    const workspace = await world.client.workspaces.create({
      name: 'bare',
      repositories: [{ source }],
      driver: 'host',
    });
    const workspaceId = workspace.id;
    const attempts = [
      () => operator.sandboxes.create({ driver: 'host' }),
      () => operator.sandboxes.create({ workspaceId }),
      () => operator.workspaces.create({ repositories: [{ source }], driver: 'host' }),
      () => operator.tasks.create({ workspaceId, prompt: 'Become root.' }),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject(forbidden);
  }, 60_000);

  test.each(Object.entries(INSIDE))('shows an operator nothing by %s', async (_, ask) => {
    await expect(ask(operator.sandboxes, bare.id)).rejects.toMatchObject(forbidden);
  });

  test('runs programs as a user who sees neither the server nor its files, or says that it cannot', async () => {
    if (!isRoot) {
      expect(bare.unenforced?.join()).toContain("user: programs run as the server's user");
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
