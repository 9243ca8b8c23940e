/** What a dead server leaves half-made, the next one removes: processes, control groups, the runtime's records, folders. */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DriverHost } from '@berth/plugin-api';
import { guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectCgroups } from '../../../src/drivers/oci/cgroups/cgroups.ts';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import { containerIdOf, makeThrough } from '../../../src/drivers/oci/folders.ts';
import { identify } from '../../../src/drivers/oci/identity.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { endContainer } from '../../../src/drivers/oci/runtime/container.ts';
import { makeDisks } from '../../../src/drivers/oci/sandbox.ts';
import { processesNaming } from '../../../src/linux/processes.ts';
import { driverHost, groupsLeft } from '../../../testing/driver-host.ts';

const open = (host: DriverHost) => openOci(plugin.config.parse({}), host);
const spec = (id: string) => ({ id, layers: [], limits: {}, env: {}, tools: [] });
const script = new URL('../../../testing/create-and-die.ts', import.meta.url);

const expectNothing = async (host: DriverHost, id: string): Promise<void> => {
  const containerId = containerIdOf(host.installation, id);
  expect(await processesNaming(containerId)).toEqual([]);
  expect(await groupsLeft([containerId])).toEqual([]);
  for (const name of ['sandboxes', 'state', 'trash'])
    expect(await readdir(join(host.folder, name))).toEqual([]);
  expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(host.folder);
};

/** What a look at the host can tell of how far a start has come, in this order. */
const MOMENTS: Readonly<Record<string, (host: DriverHost, id: string) => Promise<boolean>>> = {
  'it began': async () => true,
  'the folder was made': async (host, id) => existsSync(place(host, id)),
  'the configuration was written': async (host, id) => existsSync(place(host, id, 'config.json')),
  'the runtime was called': async (host, id) =>
    (await processesNaming(containerIdOf(host.installation, id))).length > 0,
  'the runtime recorded it': async (host, id) =>
    existsSync(join(host.folder, 'state', containerIdOf(host.installation, id))),
  'the groups were made': async (host, id) =>
    (await groupsLeft([containerIdOf(host.installation, id)])).length > 0,
  'the runtime told the number of the process': async (host, id) => existsSync(place(host, id, 'pid')),
  'the guest listened': async (host, id) => existsSync(place(host, id, 'run/guest.sock')),
};

const place = (host: DriverHost, id: string, name = ''): string => join(host.folder, 'sandboxes', id, name);

describe('a server that was killed once', () => {
  let host: Awaited<ReturnType<typeof driverHost>>;
  beforeAll(async () => {
    host = await driverHost();
  });
  afterAll(() => host[Symbol.asyncDispose]());

  it.each(Object.entries(MOMENTS))(
    '%s leaves nothing after destroy',
    { timeout: 60_000 },
    async (moment, reached) => {
      const id = `sb_dies_${Object.keys(MOMENTS).indexOf(moment)}`;
      const child = fork(script, [host.folder, host.guest.bundle, id], { execArgv: [] });
      const ended = once(child, 'exit');
      await once(child, 'message');
      while (!(await reached(host, id))) {
        expect(child.exitCode).toBeNull();
        await setImmediate();
      }
      child.kill('SIGKILL');
      await ended;
      const later = open(host);
      for await (const left of later.list()) expect(left.id).toBe(id);
      await later.destroy(id);
      await expectNothing(host, id);
    },
  );
});

it('a runtime that was called before the end and runs after it starts nothing', {
  timeout: 60_000,
}, async () => {
  await using host = await driverHost();
  const driver = openOci(plugin.config.parse({ runtime: 'runc' }), host);
  await driver.create(spec('sb_late'), AbortSignal.timeout(60_000));
  const config = await readFile(place(host, 'sb_late', 'config.json'));
  await driver.destroy('sb_late');
  const containerId = containerIdOf(host.installation, 'sb_late');
  const [folder, state] = [await makeThrough(place(host, 'sb_late')), join(host.folder, 'state')];
  await writeFile(join(folder, 'config.json'), config);
  await makeDisks(folder, identify(plugin.config.parse({}).idBase));
  // As a process looks that has not yet taken on the program it was made for: nothing about it names the container.
  const late = spawn('/bin/sh', ['-s'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(late, 'exit');
  const cgroups = detectCgroups(false);
  expect(cgroups).toBeTypeOf('object');
  if (typeof cgroups === 'string') return;
  await endContainer({ containerId, folder, state, cgroups, marks: [], search: true });
  late.stdin.end(`exec runc --root '${state}' run --detach --bundle '${folder}' ${containerId}\n`);
  expect((await ended)[0]).not.toBe(0);
  await driver.destroy('sb_late');
  await expectNothing(host, 'sb_late');
});

it('a sandbox without a record is made again by create and removed by destroy', async () => {
  await using host = await driverHost();
  const driver = open(host);
  await driver.create(spec('sb_half'), AbortSignal.timeout(60_000));
  // As if the server had died before it wrote the record, and another right after it made the folder.
  await rm(join(host.folder, 'sandboxes', 'sb_half', 'machine.json'));
  await mkdir(join(host.folder, 'sandboxes', 'sb_empty'));
  // And a third while it was deleting.
  await mkdir(join(host.folder, 'trash', 'gone-half'));
  const later = open(host);
  expect((await Array.fromAsync(later.list())).map(({ id }) => id).sort()).toEqual(['sb_empty', 'sb_half']);
  expect(await later.attach('sb_half')).toBeUndefined();
  const again = await later.create(spec('sb_half'), AbortSignal.timeout(60_000));
  using client = await guestClient(await later.connect(again.id));
  expect((await client.run(['true'])).exitCode).toBe(0);
  await rm(join(host.folder, 'sandboxes', 'sb_half', 'machine.json'));
  await later.destroy('sb_half');
  await later.destroy('sb_empty');
  await client.closed;
  await expectNothing(host, 'sb_half');
});
