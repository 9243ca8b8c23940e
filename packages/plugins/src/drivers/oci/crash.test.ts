/** What a dead server leaves half-made, the next one removes: processes, control groups, the runtime's records, folders. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverHost } from '@berth/plugin-api';
import { guestClient } from '@berth/plugin-api/conformance';
import { expect, it } from 'vitest';
import { processesNaming } from '../../linux/processes.ts';
import { driverHost, groupsLeft } from '../../testing/driver-host.ts';
import { openOci } from './driver.ts';
import { containerIdOf } from './folders.ts';
import plugin from './index.ts';

const open = (host: DriverHost) => openOci(plugin.config.parse({}), host);
const spec = (id: string) => ({ id, layers: [], limits: {}, env: {}, tools: [] });
const script = new URL('../../testing/create-and-die.ts', import.meta.url);

const expectNothing = async (host: DriverHost, id: string): Promise<void> => {
  const containerId = containerIdOf(host.installation, id);
  expect(await processesNaming(containerId)).toEqual([]);
  expect(await groupsLeft([containerId])).toEqual([]);
  for (const name of ['sandboxes', 'state', 'trash'])
    expect(await readdir(join(host.folder, name))).toEqual([]);
  expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(host.folder);
};

it.each([0, 10, 25, 40, 60, 80, 110, 150])(
  'a server killed %i ms after it began to create leaves nothing after destroy',
  { timeout: 60_000 },
  async (afterMs) => {
    await using host = await driverHost();
    const id = `sb_dies_${afterMs}`;
    const child = fork(script, [host.folder, host.guest.bundle, id], { execArgv: [] });
    await once(child, 'message');
    const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    await once(child, 'exit');
    clearTimeout(timer);
    const later = open(host);
    for await (const left of later.list()) expect(left.id).toBe(id);
    await later.destroy(id);
    await expectNothing(host, id);
  },
);

it('a sandbox without a record is made again by create and removed by destroy', async () => {
  await using host = await driverHost();
  const driver = open(host);
  await driver.create(spec('sb_half'), AbortSignal.timeout(60_000));
  // As if the server had died before it wrote the record, and another right after it made the folder.
  await rm(join(host.folder, 'sandboxes', 'sb_half', 'machine.json'));
  await mkdir(join(host.folder, 'sandboxes', 'sb_empty'));
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
