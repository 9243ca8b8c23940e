import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Driver, type DriverPlugin, defineDriver, type Probe } from '@berth/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type DriversOptions, openDrivers } from './drivers.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-drivers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const refused = async (): Promise<never> => {
  throw new Error('nobody asks for machines here');
};

const driverOf = (probe: () => Promise<Probe>): Driver => ({
  probe,
  create: refused,
  connect: refused,
  attach: async () => undefined,
  inspect: async () => ({ state: 'absent' }),
  destroy: async () => undefined,
  list: async function* () {
    yield* [];
  },
  facets: { pause: { pause: refused, resume: refused } },
});

const plugin = (name: string, isolation: DriverPlugin['isolation'], probe: () => Promise<Probe>) =>
  defineDriver({
    name,
    ...(name === 'host' ? { exposesHost: true } : {}),
    isolation,
    config: z.strictObject({ fast: z.boolean().optional() }),
    open: () => driverOf(probe),
  });

const open = (probe: () => Promise<Probe>, more: Partial<DriversOptions> = {}) =>
  openDrivers({
    registry: {
      oci: async () => ({ default: plugin('oci', 'container', probe) }),
      host: async () => ({
        default: plugin('host', 'none', async () => ({ health: 'ready', detail: 'always' })),
      }),
    },
    config: {},
    defaultDrivers: [],
    trustedGateDrivers: [],
    folder,
    host: { installation: 'in1', guest: { node: '/n', bundle: '/b' }, log: () => undefined },
    ...more,
  });

const ready = async (): Promise<Probe> => ({ health: 'ready', detail: 'started one' });

test('the default is isolated, a weaker driver is used by name alone, and never for more than it has', async () => {
  const drivers = await open(ready, { config: { host: {} } });
  expect(drivers.names).toEqual(['host', 'oci']);
  expect(await drivers.choose({})).toEqual({ name: 'oci', isolation: 'container' });
  expect(await drivers.choose({ isolation: 'process' })).toEqual({ name: 'oci', isolation: 'container' });
  expect(await drivers.choose({ driver: 'host' })).toEqual({ name: 'host', isolation: 'none' });
  await expect(drivers.choose({ isolation: 'microvm' })).rejects.toMatchObject({
    code: 'driver.unsupported',
  });
  await expect(drivers.choose({ driver: 'host', isolation: 'container' })).rejects.toMatchObject({
    code: 'driver.unsupported',
  });
  await expect(drivers.choose({ driver: 'docker' })).rejects.toMatchObject({ code: 'driver.unknown' });
});

test('a driver without a wall is off unless the configuration names it, and then an owner’s', async () => {
  const off = await open(ready);
  expect(() => off.permit('host', 'owner')).toThrow('The driver host is disabled');
  await expect(off.choose({ driver: 'host' })).rejects.toMatchObject({ code: 'driver.disabled' });
  expect((await off.describe()).map(({ name }) => name)).toEqual(['oci']);
  // What it made while it was on is still found, to be removed.
  expect(off.find('host').name).toBe('host');
  for (const more of [{ config: { host: {} } }, { defaultDrivers: ['host'] }]) {
    const on = await open(ready, more);
    on.permit('host', 'owner');
    for (const role of ['viewer', 'operator'] as const)
      expect(() => on.permit('host', role)).toThrow('needs the role owner');
    on.permit('oci', 'operator');
  }
  const byDefault = await open(ready, { defaultDrivers: ['host'] });
  expect(() => byDefault.permit(undefined, 'operator')).toThrow('needs the role owner');
});

test('a driver that cannot start is an error, never a reason to take another, and is asked again', async () => {
  const answers: (() => Promise<Probe>)[] = [
    async () => ({ health: 'absent', detail: 'apt-get install crun' }),
    refused,
    async () => ({ health: 'absent', detail: 'ENOSPC: no space left on device' }),
    ready,
  ];
  let asked = 0;
  const drivers = await open(() => (answers[asked++] ?? ready)());
  await expect(drivers.choose({})).rejects.toThrow('apt-get install crun');
  await expect(drivers.choose({})).rejects.toMatchObject({ code: 'driver.absent' });
  await expect(drivers.choose({})).rejects.toMatchObject({ code: 'disk.full' });
  expect((await drivers.choose({})).name).toBe('oci');
  await drivers.choose({});
  expect(asked).toBe(4);
});

test('of several defaults the first that works is taken, with the reason, and stays until it is looked for anew', async () => {
  let health: Probe['health'] = 'absent';
  const probe = async (): Promise<Probe> => ({ health, detail: 'apt-get install crun' });
  const drivers = await open(probe, { defaultDrivers: ['oci', 'host'] });
  expect(drivers.defaultName).toBe('oci');
  expect(await drivers.choose({})).toEqual({ name: 'host', isolation: 'none' });
  const reason = 'the first of oci, host that works; oci: apt-get install crun';
  expect(await drivers.findDefault()).toEqual({ name: 'host', reason });
  // Less isolation is never given where more was asked for, and nobody gets it who may not have it.
  await expect(drivers.choose({ isolation: 'container' })).rejects.toMatchObject({
    code: 'driver.unsupported',
  });
  expect(() => drivers.permit(undefined, 'operator')).toThrow('needs the role owner');
  drivers.permit(undefined, 'owner');
  health = 'ready';
  expect((await drivers.choose({})).name).toBe('host');
  expect((await drivers.describe()).find(({ isDefault }) => isDefault)?.name).toBe('oci');
  expect(await drivers.choose({})).toEqual({ name: 'oci', isolation: 'container' });
});

test('when none of the defaults works, the first says what is missing, and is asked again', async () => {
  let health: Probe['health'] = 'absent';
  const probe = async (): Promise<Probe> => ({ health, detail: 'apt-get install crun' });
  const drivers = await open(probe, { defaultDrivers: ['oci', 'oci'] });
  await expect(drivers.choose({})).rejects.toMatchObject({ code: 'driver.absent' });
  expect((await drivers.findDefault()).reason).toMatch(/^none of oci, oci works; oci: apt-get install crun/);
  health = 'degraded';
  expect((await drivers.choose({})).name).toBe('oci');
});

test('each driver is described by what was tried', async () => {
  const drivers = await open(ready, { defaultDrivers: ['host'] });
  expect(await drivers.describe()).toEqual([
    {
      name: 'host',
      isolation: 'none',
      health: 'ready',
      detail: 'always',
      facets: ['pause'],
      isDefault: true,
    },
    {
      name: 'oci',
      isolation: 'container',
      health: 'ready',
      detail: 'started one',
      facets: ['pause'],
      isDefault: false,
    },
  ]);
});

test('a wrong configuration or default refuses the start', async () => {
  await expect(open(ready, { config: { oci: { slow: true } } })).rejects.toMatchObject({
    code: 'config.invalid',
  });
  await expect(open(ready, { defaultDrivers: ['docker'] })).rejects.toMatchObject({ code: 'driver.unknown' });
  const trusted = open(ready, { trustedGateDrivers: ['hosst'] });
  await expect(trusted).rejects.toMatchObject({ code: 'driver.unknown', details: { driver: 'hosst' } });
});
