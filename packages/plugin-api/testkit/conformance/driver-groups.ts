/**
 * Cases for drivers that keep commands together: everything a command started is killed with it, and nothing else.
 */
import assert from 'node:assert/strict';
import { expect } from 'vitest';
import type { CommandGroups, Driver } from '../../src/driver.ts';
import { type Bench, freshId } from './driver-bench.ts';
import type { DriverCase } from './driver-core.ts';
import type { GuestClient } from './guest-client.ts';

const groupsOf = (driver: Driver): CommandGroups => {
  const { groups } = driver.facets;
  assert(groups !== undefined, 'the driver has groups, or this case would not run');
  return groups;
};

/** Counts for ever in a file, without the environment, session, group or parent of the command that started it. */
const daemon = (file: string): string =>
  `(env -i setsid sh -c '(while :; do echo x >> ${file}; sleep 0.01; done) <&- >&- 2>&- &' &)`;

const LONG = ['sleep', '600'] as const;

/** Whether it is still being written. */
const grows = async (guest: GuestClient, file: string): Promise<boolean> => {
  const script = `a=$(wc -c < ${file}); sleep 0.3; b=$(wc -c < ${file}); [ "$b" -gt "$a" ]`;
  return (await guest.run(['sh', '-c', script])).exitCode === 0;
};

/** A counting daemon, started by a command that has ended, in a group of the command's own name. */
const leaveDaemon = async (guest: GuestClient, file: string, enter: CommandGroups['enter'], id: string) => {
  const held = await guest.hold(['sh', '-c', daemon(file)]);
  await enter(id, held.id, held.pid);
  await held.release();
  await expect.poll(() => guest.read(file), { timeout: 10_000 }).toMatch(/x/);
  return held.id;
};

const scene = async ({ create, client, driver }: Bench) => {
  const { id, root } = await create();
  const guest = await client(id);
  return { id, root, guest, ...groupsOf(driver) };
};

export const groupCases: readonly DriverCase[] = [
  {
    title: 'a daemon that hid from its command is killed with the group, and nothing else',
    check: async (bench) => {
      const { id, root, guest, enter, end } = await scene(bench);
      const group = await leaveDaemon(guest, `${root}/ended`, enter, id);
      await leaveDaemon(guest, `${root}/other`, enter, id);
      await guest.run(['sh', '-c', daemon(`${root}/outside`)]);
      await end(id, group);
      expect(await grows(guest, `${root}/ended`)).toBe(false);
      expect(await grows(guest, `${root}/other`)).toBe(true);
      expect(await grows(guest, `${root}/outside`)).toBe(true);
      expect(await guest.health()).toMatchObject({ id });
    },
  },
  {
    title: 'processes that start others faster than they can be counted are killed with their group',
    check: async (bench) => {
      const { id } = await bench.create({ limits: { pids: 64 } });
      const guest = await bench.client(id);
      const { enter, end } = groupsOf(bench.driver);
      const held = await guest.hold(['perl', '-e', 'while (1) { fork }']);
      await enter(id, held.id, held.pid);
      await held.release();
      // The reserve of a driver is for the guest and its children, not for theirs.
      const full = async (): Promise<boolean> =>
        (await guest.run(['sh', '-c', 'true & wait $!'])).exitCode !== 0;
      await expect.poll(() => full().catch(() => true), { timeout: 10_000 }).toBe(true);
      await end(id, held.id);
      const left = async () =>
        (await guest.run(['sh', '-c', 'cat /proc/[0-9]*/comm | grep -cx perl'])).stdout;
      await expect.poll(left, { timeout: 10_000 }).toBe('0\n');
    },
  },
  {
    title: 'entering a group again has no effect, also after a restart, and a later process can kill it',
    check: async (bench) => {
      const { id, root, guest, enter } = await scene(bench);
      const held = await guest.hold(['sh', '-c', daemon(`${root}/file`)]);
      await enter(id, held.id, held.pid);
      const later = groupsOf(bench.reopen());
      await later.enter(id, held.id, held.pid);
      await held.release();
      await expect.poll(() => guest.read(`${root}/file`), { timeout: 10_000 }).toMatch(/x/);
      await later.end(id, held.id);
      expect(await grows(guest, `${root}/file`)).toBe(false);
    },
  },
  {
    title: 'only a process of the machine that is in no other group can enter',
    check: async (bench) => {
      const { id, guest, enter, end } = await scene(bench);
      const neighbour = await scene(bench);
      // Far above the neighbour's pids, so that the pid exists in one machine only.
      await guest.run(['sh', '-c', 'i=0; while [ $i -lt 60 ]; do true & i=$((i+1)); done; wait']);
      let held = await guest.hold(LONG);
      // An earlier process may have a lower pid.
      while (held.pid < 60) held = await guest.hold(LONG);
      await expect(neighbour.enter(neighbour.id, 'mine', held.pid)).rejects.toMatchObject({
        code: 'driver.failed',
      });
      // A host pid: the process that runs this.
      await expect(enter(id, 'mine', process.pid)).rejects.toMatchObject({ code: 'driver.failed' });
      await enter(id, 'first', held.pid);
      await expect(enter(id, 'second', held.pid)).rejects.toMatchObject({ code: 'driver.failed' });
      await end(id, 'second');
      const signalled = async () => (await guest.run(['sh', '-c', `kill -0 ${held.pid}`])).exitCode;
      expect(await signalled()).toBe(0);
      await end(id, 'first');
      await expect.poll(signalled, { timeout: 10_000 }).not.toBe(0);
    },
  },
  {
    title: 'killing an unknown group succeeds, and nothing can enter a group of an unknown machine',
    check: async (bench) => {
      const { id, guest, enter, end } = await scene(bench);
      await end(id, 'never');
      await end(freshId(), 'never');
      await expect(enter(freshId(), 'never', 1)).rejects.toMatchObject({ code: 'driver.failed' });
      expect(await guest.health()).toMatchObject({ id });
    },
  },
  {
    title: 'a machine with groups is destroyed with them, and its id can be reused',
    check: async (bench) => {
      const { id, root, guest, enter, end } = await scene(bench);
      const group = await leaveDaemon(guest, `${root}/file`, enter, id);
      const held = await guest.hold(LONG);
      await enter(id, held.id, held.pid);
      await bench.driver.destroy(id);
      await end(id, group);
      await bench.create({ id });
      const again = await bench.client(id);
      const other = await again.hold(['true']);
      await enter(id, group, other.pid);
      await end(id, group);
      expect(await again.health()).toMatchObject({ id });
    },
  },
  {
    title: 'a paused machine is paused in its groups, too',
    check: async (bench) => {
      const { pause } = bench.driver.facets;
      if (pause === undefined) return;
      const { id, root, guest, enter } = await scene(bench);
      const file = `${root}/file`;
      await leaveDaemon(guest, file, enter, id);
      const sizes = async (): Promise<number> => (await guest.read(file))?.length ?? 0;
      const before = await sizes();
      await pause.pause(id);
      // Long enough for it to have written some fifty lines of two characters.
      await expect(guest.health(600)).rejects.toBeDefined();
      await pause.resume(id);
      expect((await sizes()) - before).toBeLessThan(50);
      await expect.poll(sizes, { timeout: 10_000 }).toBeGreaterThan(before + 50);
    },
  },
];
