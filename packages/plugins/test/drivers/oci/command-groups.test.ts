/**
 * What the conformance suite cannot see: the tree of v2 beside v1, a server that died while it was ending a group, and
 * that nothing of a group is left in any tree.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Driver } from '@berth/plugin-api';
import { guestClient } from '@berth/plugin-api/conformance';
import { describe, expect, it } from 'vitest';
import { groupsOfV2 } from '../../../src/drivers/oci/cgroups/cgroups.ts';
import { membersOf, removeAll } from '../../../src/drivers/oci/cgroups/group.ts';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import { containerIdOf } from '../../../src/drivers/oci/folders.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost, groupsLeft } from '../../../testing/driver-host.ts';

const TIMEOUT_MS = 60_000;

/** Starts it as the first process of a namespace. */
const [program, ...args] = ['unshare', '--pid', '--fork', '--kill-child', '--', 'sh', '-c'] as const;

/** The first process of a namespace, and a second that waits for a line before it leaves a daemon behind. */
const INSIDE = `
exec 3<&0
sh -c 'read -r _ <&3; (env -i setsid sleep 600 &); exec sleep 600' &
echo $!
exec sleep 600`;

const treeOfV2 = async (): Promise<string> => {
  const mount = /^\S+ (\S+) cgroup2 /m.exec(await readFile('/proc/self/mounts', 'utf8'))?.[1];
  if (mount === undefined) throw new TypeError('a tree of control groups v2 has to be mounted');
  return mount;
};

const end = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, 'exit');
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await ended;
};

describe('on v2', () => {
  it.each([
    { kept: false, title: 'what is beside it' },
    { kept: true, title: 'a guest that keeps a part of the memory' },
  ])('the kernel ends a group at once, and $title lives on', { timeout: TIMEOUT_MS }, async ({ kept }) => {
    const tree = await treeOfV2();
    const id = `berth-try-${randomUUID()}`;
    const folder = join(tree, id);
    const cgroups = groupsOfV2(tree, '/', false);
    const groups = cgroups.commands;
    assert(groups !== undefined);
    await mkdir(folder);
    const child = spawn(program, [...args, INSIDE], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const inside = Number(String((await once(child.stdout, 'data'))[0]));
      expect(inside).toBeLessThan(10);
      const task = `/proc/${child.pid}/task/${child.pid}/children`;
      const first = (await readFile(task, 'utf8')).trim();
      const second = (await readFile(`/proc/${first}/task/${first}/children`, 'utf8')).trim();
      for (const pid of [first, second]) await writeFile(join(folder, 'cgroup.procs'), pid);
      // Beside v1 there is no memory in the tree of v2, so it is all but the limit that is tried then.
      if (kept)
        await cgroups.keepMemory(id, 2 ** 30).catch((error: NodeJS.ErrnoException) => {
          if (cgroups.controllers.has('memory') || error.code !== 'ENOENT') throw error;
        });
      await groups.enter(id, 'a group', inside);
      const [above, beside] = kept ? [join(folder, 'commands'), join(folder, 'guest')] : [folder, folder];
      const [name = ''] = (await readdir(above)).filter((one) => one.startsWith('exec-'));
      const group = join(above, name);
      expect(await membersOf(group)).toEqual([Number(second)]);
      expect((await cgroups.members(id)).sort()).toEqual([first, second].map(Number).sort());
      child.stdin.write('\n');
      await expect.poll(() => membersOf(group), { timeout: 10_000 }).toHaveLength(2);
      expect(existsSync(join(group, 'cgroup.kill'))).toBe(true);
      await groups.end(id, 'a group');
      expect(existsSync(group)).toBe(false);
      expect(await membersOf(beside)).toEqual([Number(first)]);
    } finally {
      await end(child);
      await expect.poll(() => removeAll([folder]), { timeout: 10_000 }).toBe(true);
    }
  });

  it('a group goes with its container, once both are empty', async () => {
    const folder = join(await treeOfV2(), `berth-try-${randomUUID()}`);
    const nested = join(folder, 'exec-some');
    await mkdir(nested, { recursive: true });
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    try {
      await writeFile(join(nested, 'cgroup.procs'), String(child.pid));
      expect(await removeAll([folder])).toBe(false);
    } finally {
      await end(child);
      await expect.poll(() => removeAll([folder]), { timeout: 10_000 }).toBe(true);
    }
    expect(existsSync(folder)).toBe(false);
  });
});

/** Groups of commands that exist for a sandbox, in whichever tree. */
const nestedOf = async (containerId: string): Promise<string[]> => {
  const root = '/sys/fs/cgroup';
  const trees = ['', ...(await readdir(root))].map((name) => join(root, name, containerId));
  const found = trees.map(async (tree) => {
    const names = await readdir(tree).catch(() => []);
    return names.filter((name) => name.startsWith('exec-')).map((name) => join(tree, name));
  });
  return (await Promise.all(found)).flat();
};

/** As a server leaves a group that dies between stopping and killing what is in it. */
const stop = async (group: string): Promise<void> => {
  const state = join(group, 'freezer.state');
  if (!existsSync(state)) return await writeFile(join(group, 'cgroup.freeze'), '1');
  await writeFile(state, 'FROZEN');
  await expect.poll(() => readFile(state, 'utf8')).toBe('FROZEN\n');
};

const scene = async (host: Awaited<ReturnType<typeof driverHost>>, id: string) => {
  const open = (): Driver => openOci(plugin.config.parse({}), host);
  const driver = open();
  await driver.create({ id, layers: [], limits: {}, env: {}, tools: [] }, AbortSignal.timeout(TIMEOUT_MS));
  const client = await guestClient(await driver.connect(id));
  const held = await client.hold(['sleep', '600']);
  await driver.facets.groups?.enter(id, 'a group', held.pid);
  const containerId = containerIdOf(host.installation, id);
  const groups = await nestedOf(containerId);
  expect(groups).toHaveLength(1);
  for (const group of groups) await stop(group);
  return { driver, client, containerId, later: open() };
};

describe('a server that died while it was ending a group', () => {
  it('is followed by one that ends it', { timeout: TIMEOUT_MS }, async () => {
    await using host = await driverHost();
    const { client, containerId, later } = await scene(host, 'sb_end');
    await later.facets.groups?.end('sb_end', 'a group');
    expect(await nestedOf(containerId)).toEqual([]);
    expect(await client.health()).toMatchObject({ id: 'sb_end' });
    client[Symbol.dispose]();
    await later.destroy('sb_end');
  });

  it('is followed by one that removes the sandbox and leaves nothing', { timeout: TIMEOUT_MS }, async () => {
    await using host = await driverHost();
    const { client, containerId, later } = await scene(host, 'sb_gone');
    client[Symbol.dispose]();
    await later.destroy('sb_gone');
    expect(await groupsLeft([containerId])).toEqual([]);
  });
});
