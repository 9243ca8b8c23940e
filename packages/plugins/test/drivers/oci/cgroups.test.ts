/**
 * Control groups v2 on a tree of the machine itself, also where v1 keeps the controllers: membership, freezing and
 * removal need none. What the conformance suite does with limits runs on whatever layout the machine has.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { detectCgroups, groupsOfV2 } from '../../../src/drivers/oci/cgroups/cgroups.ts';

const treeOfV2 = async (): Promise<string> => {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  const mount = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  if (mount === undefined) throw new TypeError('a tree of control groups v2 has to be mounted');
  return mount;
};

it('a group of v2 is listed, frozen, counted and removed once it is empty', async () => {
  const mount = await treeOfV2();
  const groups = groupsOfV2(mount, '/', false);
  const id = `berth-try-${randomUUID()}`;
  expect(await groups.remove(id), 'there is none').toBe(true);
  await mkdir(join(mount, groups.pathOf(id)));
  const child = spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const used = async (): Promise<number> => (await groups.usage(id)).cpuSeconds;
  try {
    await writeFile(join(mount, id, 'cgroup.procs'), String(child.pid));
    expect(await groups.members(id)).toEqual([child.pid]);
    await expect.poll(used, { timeout: 10_000 }).toBeGreaterThan(0);
    await groups.freeze(id, true);
    expect(await readFile(join(mount, id, 'cgroup.events'), 'utf8')).toContain('frozen 1');
    const frozenAt = await used();
    expect(await used()).toBe(frozenAt);
    await groups.freeze(id, false);
    await expect.poll(used, { timeout: 10_000 }).toBeGreaterThan(frozenAt);
    expect(await groups.remove(id), 'it has a member').toBe(false);
    await groups.freeze(id, true);
  } finally {
    // A frozen group of v2 lets its members die.
    child.kill('SIGKILL');
    await ended;
    await expect.poll(() => groups.remove(id), { timeout: 10_000 }).toBe(true);
  }
});

it('a group of v2 has the controllers that are there, and counts nothing for the others', async () => {
  const mount = await treeOfV2();
  const groups = groupsOfV2(mount, '/', false);
  const there = (await readFile(join(mount, 'cgroup.controllers'), 'utf8')).trim().split(' ');
  expect([...groups.controllers].sort()).toEqual(
    ['cpu', 'memory', 'pids'].filter((name) => there.includes(name)),
  );
  await expect(groups.usage('berth-none')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('an ordinary user gets no groups of v1', async () => {
  const v1 = /^\S+ \S+ cgroup \S*\bmemory\b/m.test(await readFile('/proc/self/mounts', 'utf8'));
  const mine = detectCgroups(true);
  if (v1) expect(mine).toBe('control groups v1 belong to root');
  else expect(mine).not.toBe('control groups v1 belong to root');
});
