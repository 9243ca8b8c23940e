/** Cases for optional facets. */
import assert from 'node:assert/strict';
import { expect } from 'vitest';
import type { Driver, DriverFacets } from '../../src/driver.ts';
import { freshId } from './driver-bench.ts';
import type { DriverCase } from './driver-core.ts';

const facet = <F extends keyof DriverFacets>(driver: Driver, name: F): DriverFacets[F] => {
  const found = driver.facets[name];
  assert(found !== undefined, `the driver has ${name}, or this case would not run`);
  return found;
};

export const snapshotCases: readonly DriverCase[] = [
  {
    title: 'equal content gives one layer with the same name',
    check: async ({ create, client, driver }) => {
      const { take, list } = facet(driver, 'snapshots');
      const layers: string[] = [];
      for (const _ of [1, 2]) {
        const { id, root } = await create();
        await (await client(id)).write(`${root}/folder/file`, 'the same');
        layers.push((await take(id)).layer);
        layers.push((await take(id)).layer);
      }
      expect(new Set(layers).size).toBe(1);
      const listed: string[] = [];
      for await (const { layer } of list()) listed.push(layer);
      expect(listed).toEqual([layers[0]]);
    },
  },
  {
    title: 'different content gives a different name',
    check: async ({ create, client, driver }) => {
      const { take } = facet(driver, 'snapshots');
      const { id, root } = await create();
      const guest = await client(id);
      await guest.write(`${root}/file`, 'one');
      const first = await take(id);
      await guest.write(`${root}/file`, 'two');
      expect((await take(id)).layer).not.toBe(first.layer);
    },
  },
  {
    title: 'a machine starts from a layer and does not change it',
    check: async ({ create, client, driver, reopen }) => {
      const origin = await create();
      const path = `${origin.root}/file`;
      await (await client(origin.id)).write(path, 'from the layer');
      await (await client(origin.id)).write(`${origin.home}/.setting`, 'kept');
      const { layer, sizeBytes } = await facet(driver, 'snapshots').take(origin.id);
      expect(sizeBytes).toBeGreaterThan(0);
      await driver.destroy(origin.id);
      const one = await create({ layers: [layer] });
      const guest = await client(one.id);
      expect(await guest.read(path)).toBe('from the layer');
      expect(await guest.read(`${one.home}/.setting`)).toBe('kept');
      await guest.write(path, 'changed');
      const later = reopen();
      const two = await later.create(
        { id: freshId(), layers: [layer], limits: {}, env: {}, tools: [] },
        AbortSignal.timeout(30_000),
      );
      expect(await (await client(two.id)).read(path)).toBe('from the layer');
    },
  },
  {
    title: 'a layer keeps only what was named, and no git data',
    check: async ({ create, client, driver }) => {
      const { take } = facet(driver, 'snapshots');
      const { id, root, home } = await create();
      const guest = await client(id);
      const kept = [`${root}/app/deps/a`, `${root}/app/.gitignore`, `${home}/.cache/pip/a`, `${home}/.tool`];
      const left = [
        ...[
          `${root}/app/.git/config`,
          `${root}/app/deps/sub/.git`,
          `${root}/app/src/tracked`,
          `${root}/other/a`,
        ],
        ...[`${home}/.local/bin/npm`, `${home}/.gitconfig`, `${home}/.cache/other`],
      ];
      for (const path of [...kept, ...left]) await guest.write(path, 'x');
      const named = { root: ['app', 'absent'], home: ['.cache/pip', '.tool', '.npm/_cacache'] };
      const { layer } = await take(id, { ...named, without: ['app/src/tracked', 'app/absent'] });
      const later = await create({ layers: [layer] });
      const other = await client(later.id);
      expect(await Promise.all(kept.map((path) => other.read(path)))).toEqual(kept.map(() => 'x'));
      expect(await Promise.all(left.map((path) => other.read(path)))).toEqual(left.map(() => undefined));
    },
  },
  {
    title: 'a layer over a layer keeps what was added, changed and removed',
    check: async ({ create, client, driver }) => {
      const { take } = facet(driver, 'snapshots');
      const first = await create();
      const { root } = first;
      const guest = await client(first.id);
      for (const name of ['kept', 'changed', 'removed', 'folder/old'])
        await guest.write(`${root}/${name}`, '1');
      const low = await take(first.id);
      const second = await create({ layers: [low.layer] });
      const other = await client(second.id);
      await other.write(`${root}/changed`, '2');
      await other.run(['rm', '-r', `${root}/removed`, `${root}/folder`]);
      await other.write(`${root}/folder/new`, '2');
      const high = await take(second.id);
      const third = await create({ layers: [low.layer, high.layer] });
      const last = await client(third.id);
      const names = ['kept', 'changed', 'removed', 'folder/old', 'folder/new'];
      const found = await Promise.all(names.map((name) => last.read(`${root}/${name}`)));
      expect(found).toEqual(['1', '2', undefined, undefined, '2']);
    },
  },
  {
    title: 'create from an unknown layer rejects',
    check: async ({ create }) => {
      await expect(create({ layers: ['0'.repeat(64)] })).rejects.toMatchObject({ code: 'driver.failed' });
      await expect(create({ layers: ['../../etc'] })).rejects.toMatchObject({ code: 'driver.failed' });
    },
  },
  {
    title: 'drop removes a layer and succeeds for an unknown one',
    check: async ({ create, driver }) => {
      const { take, drop, list } = facet(driver, 'snapshots');
      const { layer } = await take((await create()).id);
      await drop(layer);
      await drop(layer);
      for await (const left of list()) expect(left.layer).not.toBe(layer);
    },
  },
];

export const pauseCases: readonly DriverCase[] = [
  {
    title: 'a paused machine does nothing until it is resumed',
    check: async ({ create, client, driver }) => {
      const { pause, resume } = facet(driver, 'pause');
      const { id } = await create();
      const guest = await client(id);
      await guest.health();
      await pause(id);
      await expect(guest.health(200)).rejects.toBeDefined();
      await resume(id);
      expect(await (await client(id)).health()).toMatchObject({ id });
    },
  },
  {
    title: 'a paused machine can be destroyed',
    check: async ({ create, driver }) => {
      const { id } = await create();
      await facet(driver, 'pause').pause(id);
      await driver.destroy(id);
      expect(await driver.attach(id)).toBeUndefined();
    },
  },
];

const MEBIBYTE = 2 ** 20;

export const limitsCases: readonly DriverCase[] = [
  {
    title: 'usage counts memory, processes and time',
    check: async ({ create, client, driver }) => {
      const { id } = await create();
      await (await client(id)).run(['true']);
      const usage = await facet(driver, 'limits').usage(id);
      expect(usage.memoryBytes).toBeGreaterThan(MEBIBYTE);
      expect(usage.cpuSeconds).toBeGreaterThan(0);
      expect(usage.processes).toBeGreaterThan(0);
      expect(usage.outOfMemoryKills).toBe(0);
    },
  },
  {
    title: 'a program that exceeds the memory limit dies, is counted, and the guest survives',
    check: async ({ create, client, driver, kill }) => {
      const { id, unenforced } = await create({ limits: { memoryBytes: 192 * MEBIBYTE } });
      expect(unenforced).toEqual([]);
      const guest = await client(id);
      const hog = await guest.run(['sh', '-c', 'head -c 600M /dev/zero | tail | wc -c']);
      expect(hog.stdout.trim()).not.toBe(String(600 * MEBIBYTE));
      const limits = facet(driver, 'limits');
      const { outOfMemoryKills } = await limits.usage(id);
      expect(outOfMemoryKills).toBeGreaterThan(0);
      expect(await limits.outOfMemoryKills(id)).toBe(outOfMemoryKills);
      expect(await guest.health()).toMatchObject({ id });
      // OOM kills are reported for a dead machine.
      await kill(id, 'all');
      const reason = expect.stringMatching(/memory/);
      await expect.poll(() => driver.inspect(id)).toMatchObject({ state: 'dead', reason });
    },
  },
  {
    title: 'processes beyond the limit cannot be started, and the guest survives',
    check: async ({ create, client, driver }) => {
      const { id } = await create({ limits: { pids: 64 } });
      const guest = await client(id);
      await guest.run(['sh', '-c', 'i=0; while [ $i -lt 200 ]; do sleep 2 & i=$((i+1)); done; wait']);
      expect((await facet(driver, 'limits').usage(id)).processes).toBeLessThanOrEqual(64);
      expect(await guest.health()).toMatchObject({ id });
    },
  },
];
