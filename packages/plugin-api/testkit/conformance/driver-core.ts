/** Cases for every driver. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';
import { type Driver, type DriverHost, Unenforced } from '../../src/driver.ts';
import { type Bench, freshId, specOf } from './driver-bench.ts';

export interface DriverCase {
  readonly title: string;
  readonly check: (bench: Bench) => Promise<void>;
}

const idsOf = async (driver: Driver): Promise<string[]> => {
  const ids: string[] = [];
  for await (const { id } of driver.list()) ids.push(id);
  return ids.sort();
};

const SEEN_DEAD_WITHIN_MS = 10_000;
const MEBIBYTE = 2 ** 20;

/** For drivers that keep records of their machines. */
export const recordCases = (
  damage: (host: DriverHost, id: string) => Promise<void>,
): readonly DriverCase[] => [
  {
    title:
      'a machine whose record cannot be read is unknown while it runs, never absent, and can be destroyed',
    check: async ({ create, client, driver, host, kill }) => {
      const [running, dead, other] = await Promise.all([create(), create(), create()]);
      const open = await client(running.id);
      for (const { id } of [running, dead]) await damage(host, id);
      const unknown = { state: 'unknown', reason: expect.stringMatching(/./) };
      expect(await driver.inspect(running.id)).toEqual(unknown);
      await expect(driver.connect(running.id)).rejects.toMatchObject({ code: 'sandbox.unreachable' });
      await kill(dead.id, 'all');
      expect(['dead', 'unknown']).toContain((await driver.inspect(dead.id)).state);
      expect(await driver.inspect(other.id)).toMatchObject({ state: 'running' });
      // What is known about one keeps nobody from creating another.
      const { id: later } = await create();
      expect(await idsOf(driver)).toEqual([running.id, dead.id, other.id, later].sort());
      for (const { id } of [running, dead]) await driver.destroy(id);
      await open.closed;
      expect(await driver.inspect(running.id)).toEqual({ state: 'absent' });
      expect(await idsOf(driver)).toEqual([other.id, later].sort());
    },
  },
];

export const coreCases: readonly DriverCase[] = [
  {
    title: 'probe finds it usable and reports what it found',
    check: async ({ driver }) => {
      const { health, detail } = await driver.probe(AbortSignal.timeout(30_000));
      expect(health, detail).not.toBe('absent');
      expect(detail).not.toBe('');
    },
  },
  {
    title: 'create starts a guest that answers under the id',
    check: async ({ create, client }) => {
      const { id, unenforced } = await create();
      expect(await (await client(id)).health()).toMatchObject({ id });
      expect(z.array(Unenforced).parse(unenforced)).toEqual(unenforced);
    },
  },
  {
    title: 'connections are independent of each other',
    check: async ({ create, client }) => {
      const { id } = await create();
      const first = await client(id);
      const second = await client(id);
      first[Symbol.dispose]();
      expect(await second.health()).toMatchObject({ id });
    },
  },
  {
    title: 'create with the id of a running machine returns that machine',
    check: async ({ create, client }) => {
      const machine = await create();
      await (await client(machine.id)).write(`${machine.root}/kept`, 'yes');
      const again = await create({ id: machine.id });
      expect(again.root).toBe(machine.root);
      expect(await (await client(machine.id)).read(`${machine.root}/kept`)).toBe('yes');
    },
  },
  {
    title: 'concurrent creates of one id create one machine',
    check: async ({ create, driver }) => {
      const id = freshId();
      await Promise.all([create({ id }), create({ id }), create({ id })]);
      expect(await idsOf(driver)).toEqual([id]);
    },
  },
  {
    title: 'machines do not share files',
    check: async ({ create, client }) => {
      const [one, two] = await Promise.all([create(), create()]);
      await (await client(one.id)).write(`${one.root}/mine`, 'one');
      expect(await (await client(two.id)).read(`${two.root}/mine`)).toBeUndefined();
      expect(await (await client(two.id)).read(`${two.home}/mine`)).toBeUndefined();
    },
  },
  {
    title: 'commands see the requested environment',
    check: async ({ create, client }) => {
      const { id } = await create({ env: { CONFORMANCE: 'a b "c"' } });
      const { exitCode, stdout } = await (await client(id)).run(['printenv', 'CONFORMANCE']);
      expect([exitCode, stdout.trim()]).toEqual([0, 'a b "c"']);
    },
  },
  {
    title: 'the guest runs by none of the environment that was asked for, and commands have it',
    check: async ({ create, client }) => {
      const env = {
        NODE_OPTIONS: '--require=/no/such/file.cjs',
        LD_PRELOAD: '/no/such/library.so',
        BERTH_GUEST_CONFINED: 'x',
        BERTH_GUEST_ROOT: '/no/such/folder',
        PATH: '/no/such/bin:/usr/local/bin:/usr/bin:/bin',
      };
      const { id, root } = await create({ env });
      const guest = await client(id);
      expect(await guest.health()).toMatchObject({ id, root });
      for (const [name, value] of Object.entries(env))
        expect([name, (await guest.run(['printenv', name])).stdout.trim()]).toEqual([name, value]);
    },
  },
  {
    title: 'tools are at the paths given by toolPath',
    check: async ({ create, client, host }) => {
      const source = join(host.folder, '..', 'tool');
      await mkdir(source, { recursive: true });
      await writeFile(join(source, 'file'), 'a tool', { mode: 0o644 });
      const target = '/opt/berth/tools/one';
      const { id, toolPath } = await create({ tools: [{ source, target }] });
      const { stdout } = await (await client(id)).run(['cat', `${toolPath(target)}/file`]);
      expect(stdout).toBe('a tool');
    },
  },
  {
    title: 'attach finds a machine after a restart, with its files',
    check: async ({ create, client, reopen }) => {
      const machine = await create();
      await (await client(machine.id)).write(`${machine.root}/kept`, 'yes');
      const later = reopen();
      expect(await later.attach(machine.id)).toMatchObject({ id: machine.id, root: machine.root });
      expect(await (await client(machine.id, later)).read(`${machine.root}/kept`)).toBe('yes');
    },
  },
  {
    title: 'attach of an unknown id finds nothing',
    check: async ({ driver }) => expect(await driver.attach(freshId())).toBeUndefined(),
  },
  {
    title: 'a machine of another id, of another installation and of no valid id is absent',
    check: async ({ create, driver, reopen }) => {
      const { id } = await create();
      const absent = { state: 'absent' };
      expect(await driver.inspect(freshId())).toEqual(absent);
      expect(await reopen({ installation: 'another' }).inspect(id)).toEqual(absent);
      for (const odd of ['', '.', '..', `../sandboxes/${id}`, `${id}/.`, `${id}\0`])
        expect([odd, await driver.inspect(odd)]).toEqual([odd, absent]);
    },
  },
  {
    title: 'a machine is seen running since it was created, also after a restart, and absent once destroyed',
    check: async ({ create, driver, reopen }) => {
      const before = Date.now();
      const { id } = await create();
      const life = await driver.inspect(id);
      expect(life).toEqual({ state: 'running', since: expect.any(Number) });
      expect(life).toHaveProperty(
        'since',
        expect.toSatisfy((since) => since >= before && since <= Date.now()),
      );
      expect(await reopen().inspect(id)).toEqual(life);
      await driver.destroy(id);
      expect(await driver.inspect(id)).toEqual({ state: 'absent' });
    },
  },
  {
    title: 'connect to an unknown machine fails as unreachable',
    check: async ({ driver }) =>
      await expect(driver.connect(freshId())).rejects.toMatchObject({ code: 'sandbox.unreachable' }),
  },
  {
    title: 'destroy closes connections and leaves nothing',
    check: async ({ create, client, driver }) => {
      const { id } = await create();
      const open = await client(id);
      await driver.destroy(id);
      await open.closed;
      expect(await idsOf(driver)).toEqual([]);
      expect(await driver.attach(id)).toBeUndefined();
      await expect(driver.connect(id)).rejects.toMatchObject({ code: 'sandbox.unreachable' });
    },
  },
  {
    title: 'destroy succeeds for an unknown id and a second time',
    check: async ({ create, driver }) => {
      await driver.destroy(freshId());
      const { id } = await create();
      await driver.destroy(id);
      await driver.destroy(id);
    },
  },
  {
    title: 'an id can be reused after destroy, and nothing of the old machine is left',
    check: async ({ create, client, driver }) => {
      const { id, root } = await create();
      await (await client(id)).write(`${root}/old`, 'x');
      await driver.destroy(id);
      await create({ id });
      expect(await (await client(id)).read(`${root}/old`)).toBeUndefined();
    },
  },
  {
    title: 'list yields what this installation owns and nothing else',
    check: async ({ create, driver, reopen }) => {
      const ids = [(await create()).id, (await create()).id].sort();
      expect(await idsOf(driver)).toEqual(ids);
      expect(await idsOf(reopen())).toEqual(ids);
      expect(await idsOf(reopen({ installation: 'another' }))).toEqual([]);
    },
  },
  ...(['guest', 'all'] as const).map(
    (which): DriverCase => ({
      title: `a machine is reported dead when ${which === 'all' ? 'all its processes are' : 'its guest is'} killed from outside`,
      check: async ({ create, driver, reopen, kill }) => {
        const [killed, other] = await Promise.all([create(), create()]);
        expect(await driver.inspect(killed.id)).toMatchObject({ state: 'running' });
        await kill(killed.id, which);
        const seen = { timeout: SEEN_DEAD_WITHIN_MS, interval: 50 };
        await expect.poll(() => driver.inspect(killed.id), seen).toMatchObject({ state: 'dead' });
        const dead = { state: 'dead', reason: expect.stringMatching(/./), since: expect.any(Number) };
        const first = await driver.inspect(killed.id);
        expect(first).toEqual(dead);
        expect(await driver.inspect(killed.id)).toEqual(first);
        expect(await reopen().inspect(killed.id)).toEqual(dead);
        expect(await driver.inspect(other.id)).toMatchObject({ state: 'running' });
        expect(await driver.attach(killed.id)).toBeUndefined();
        await expect(driver.connect(killed.id)).rejects.toMatchObject({ code: 'sandbox.unreachable' });
        await driver.destroy(killed.id);
        expect(await driver.inspect(killed.id)).toEqual({ state: 'absent' });
        expect(await idsOf(driver)).toEqual([other.id]);
      },
    }),
  ),
  {
    title: 'limits hold or are reported with the reason',
    check: async ({ create, client, driver }) => {
      const limits = { memoryBytes: 256 * MEBIBYTE, cpus: 1, pids: 64, diskBytes: 64 * MEBIBYTE };
      const { id, unenforced } = await create({ limits });
      const reported = unenforced.map(({ kind }) => kind);
      if (driver.facets.limits === undefined)
        expect(reported).toEqual(expect.arrayContaining(['memory', 'cpu']));
      else expect(reported.filter((name) => name !== 'containment' && name !== 'disk')).toEqual([]);
      if (reported.includes('pids') && reported.includes('disk')) return;
      const guest = await client(id);
      if (!reported.includes('pids')) {
        const bomb = 'i=0; while [ $i -lt 150 ]; do sleep 20 & i=$((i+1)); done';
        expect((await guest.run(['sh', '-c', bomb])).stderr).toMatch(
          /fork|Resource temporarily unavailable/i,
        );
        expect(await guest.health()).toMatchObject({ id });
      }
      if (reported.includes('disk')) return;
      // Last: a machine beyond its limit may be ended while it writes.
      const much = ['dd', 'if=/dev/zero', 'of=/workspace/much', 'bs=1M', 'count=80'];
      const exitCode = await guest.run(much).then(
        (ended) => ended.exitCode,
        () => 'the machine was ended',
      );
      expect(exitCode).not.toBe(0);
    },
  },
  {
    title: 'groups for commands exist, or their absence is reported with the reason',
    check: async ({ create, driver }) => {
      const { unenforced } = await create();
      const reported = unenforced.some(({ kind }) => kind === 'containment');
      expect(reported).toBe(driver.facets.groups === undefined);
    },
  },
  {
    title: 'an aborted create rejects and leaves nothing after destroy',
    check: async ({ driver, host }) => {
      for (const afterMs of [0, 30]) {
        const spec = specOf();
        const creating = driver.create(spec, AbortSignal.timeout(afterMs));
        // A fast driver may finish before the abort.
        await creating.catch((error: unknown) => expect(error).toBeDefined());
        await driver.destroy(spec.id);
        expect(await idsOf(driver), host.folder).toEqual([]);
      }
    },
  },
];
