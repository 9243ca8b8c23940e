/** What of the driver's folders depends on nobody: neither on the umask nor on who removes part of them meanwhile. */
import { chmod, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Driver } from '@berth/plugin-api';
import { guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

let host: Awaited<ReturnType<typeof driverHost>>;
let driver: Driver;
let made = 0;
let umask: number;
beforeAll(async () => {
  host = await driverHost();
  umask = process.umask(0o077);
  driver = openOci(plugin.config.parse({}), host);
}, 60_000);
afterAll(async () => {
  process.umask(umask);
  await driver.close?.();
  await host[Symbol.asyncDispose]();
}, 60_000);

/** Made, asked and removed. */
const works = async (): Promise<void> => {
  const id = `sb_${++made}`;
  await driver.create({ id, layers: [], limits: {}, env: {}, tools: [] }, AbortSignal.timeout(60_000));
  await using guest = await guestClient(await driver.connect(id));
  expect((await guest.run(['touch', '/tmp/a', '/workspace/a'])).exitCode).toBe(0);
  await driver.destroy(id);
};

const basesOf = (): Promise<string[]> => readdir(join(host.folder, 'bases'));

it('a server with a umask of 077 makes sandboxes', { timeout: 60_000 }, works);

it('a base that is not what it was is made anew, by the next server', { timeout: 60_000 }, async () => {
  const [name = ''] = await basesOf();
  await chmod(join(host.folder, 'bases', name, 'proc'), 0o700);
  await driver.close?.();
  driver = openOci(plugin.config.parse({}), host);
  await works();
  expect(await basesOf()).toEqual([name]);
  expect((await stat(join(host.folder, 'bases', name, 'proc'))).mode & 0o777).toBe(0o755);
});

it.each(['bases', 'programs', 'layers', 'images', 'trash', 'quarantine'])(
  '%s removed, or a file, under a server that runs is made again',
  { timeout: 60_000 },
  async (name) => {
    await rm(join(host.folder, name), { recursive: true });
    await works();
    await rm(join(host.folder, name), { recursive: true });
    await writeFile(join(host.folder, name), 'no folder');
    await works();
    expect((await readdir(host.folder)).filter((entry) => entry.startsWith(`${name}.aside`))).toHaveLength(1);
  },
);

it('so are bases that were emptied', { timeout: 60_000 }, async () => {
  const [name = ''] = await basesOf();
  for (const entry of await readdir(join(host.folder, 'bases', name)))
    await rm(join(host.folder, 'bases', name, entry), { recursive: true });
  await works();
  const { detail } = await driver.probe(AbortSignal.timeout(30_000));
  expect(detail).toContain(`something removes files below ${host.folder}`);
});
