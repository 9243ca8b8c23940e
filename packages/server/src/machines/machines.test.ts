import { type Duplex, duplexPair } from 'node:stream';
import type { Driver, Machine } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import type { Drivers } from './drivers.ts';
import { createMachines } from './machines.ts';

const machine = (id: string): Machine => ({
  ...{ id, root: '/workspace', home: '/home', internalUrl: 'http://berth.internal', unenforced: [] },
  toolPath: (target) => target,
});

/** One driver with one machine, and every connection that was made to it. */
const world = (over: Partial<Driver> = {}) => {
  const dialled: Duplex[] = [];
  const driver = {
    attach: async (id: string) => machine(id),
    connect: async () => {
      const [ours, theirs] = duplexPair();
      theirs.resume();
      dialled.push(ours);
      return ours;
    },
    destroy: async () => undefined,
    facets: {},
    ...over,
  } as Partial<Driver> as Driver;
  const found = { name: 'one', isolation: 'none', exposesHost: false, driver } as const;
  const drivers = { names: ['one'], find: () => found } as Partial<Drivers> as Drivers;
  const machines = createMachines({
    drivers,
    provisions: { added: (spec) => spec },
    uplink: { onConnect: () => undefined, onRequest: () => undefined },
    log: () => undefined,
  });
  return { machines, dialled };
};

test('nothing connects to a machine while it is removed, nor after', async () => {
  const removing = Promise.withResolvers<void>();
  let isThere = true;
  const { machines, dialled } = world({
    attach: async (id) => (isThere ? machine(id) : undefined),
    destroy: () => removing.promise,
  });
  await machines.open('one', 'sb_1');
  await expect.poll(() => dialled.length).toBe(1);
  const removed = machines.destroy('one', 'sb_1');
  await expect.poll(() => dialled[0]?.destroyed).toBe(true);
  await expect(machines.open('one', 'sb_1')).rejects.toMatchObject({ code: 'sandbox.unreachable' });
  isThere = false;
  removing.resolve();
  await removed;
  await expect(machines.open('one', 'sb_1')).rejects.toMatchObject({ code: 'sandbox.unreachable' });
  expect(dialled).toHaveLength(1);
});

test('who is hung up on while the connection is being made has none afterwards', async () => {
  const attached = Promise.withResolvers<Machine>();
  const { machines, dialled } = world({ attach: () => attached.promise });
  const opening = machines.open('one', 'sb_1');
  const hangingUp = machines.hangUp('sb_1');
  attached.resolve(machine('sb_1'));
  await Promise.all([opening, hangingUp]);
  await expect.poll(() => dialled.every(({ destroyed }) => destroyed)).toBe(true);
});

test('a failed try does not take away the connection that came after it', async () => {
  const tries = [Promise.withResolvers<Machine | undefined>(), Promise.withResolvers<Machine | undefined>()];
  let tried = 0;
  const { machines } = world({ attach: async () => await tries[tried++]?.promise });
  const first = machines.open('one', 'sb_1');
  const hungUp = machines.hangUp('sb_1');
  const second = machines.open('one', 'sb_1');
  tries[1]?.resolve(machine('sb_1'));
  const client = await second;
  tries[0]?.resolve(undefined);
  await expect(first).rejects.toMatchObject({ code: 'sandbox.unreachable' });
  await hungUp;
  expect(await machines.open('one', 'sb_1')).toBe(client);
  await machines.close();
});

test('after the end of the server nothing is opened', async () => {
  const { machines, dialled } = world();
  await machines.close();
  await expect(machines.open('one', 'sb_1')).rejects.toMatchObject({ code: 'sandbox.unreachable' });
  expect(dialled).toEqual([]);
});
