/** Whatever the inside of a sandbox builds, or an accident leaves, is removed or lies aside, and the driver goes on. */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Driver, DriverHost } from '@berth/plugin-api';
import { guestClient } from '@berth/plugin-api/conformance';
import { expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const open = (host: DriverHost) => openOci(plugin.config.parse({}), host);
const spec = (id: string) => ({ id, layers: [], limits: {}, env: {}, tools: [] });
const create = (driver: Driver, id: string) => driver.create(spec(id), AbortSignal.timeout(60_000));

/** Paths three times as long as the kernel takes, folders without rights, names without sense, and what is no file. */
const BUILD = `
chdir '/workspace'; my $name = 'n' x 200;
mkdir 'closed'; open(F, '>', 'closed/file'); close F; chmod 0, 'closed';
system('mkfifo', 'fifo'); system('mknod', 'whiteout', 'c', '0', '0'); symlink('/', 'root'); mkdir "line\nbreak\xff";
use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un('socket'));
mkdir 'wide'; for (1..300) { open(F, '>', "wide/$_"); close F }
for (1..60) { mkdir $name or die "mkdir $!"; chdir $name or die "chdir $!" } print 'built'`;

const build = async (driver: Driver, id: string): Promise<void> => {
  await create(driver, id);
  using guest = await guestClient(await driver.connect(id));
  expect((await guest.run(['perl', '-e', BUILD])).stdout).toBe('built');
};

it('any tree is removed, by whoever made the sandbox and by the server after it', {
  timeout: 60_000,
}, async () => {
  await using host = await driverHost();
  const driver = open(host);
  await build(driver, 'sb_odd');
  await driver.destroy('sb_odd');
  expect(await readdir(join(host.folder, 'sandboxes'))).toEqual([]);
  expect(await readdir(join(host.folder, 'trash'))).toEqual([]);

  await build(driver, 'sb_left');
  const left = join(host.folder, 'sandboxes', 'sb_left');
  await mkdir(join(host.folder, 'trash', 'gone-left'));
  await rename(join(left, 'disk'), join(host.folder, 'trash', 'gone-left', 'disk'));
  const later = open(host);
  expect(await later.probe(AbortSignal.timeout(60_000))).not.toMatchObject({ health: 'absent' });
  expect(await readdir(join(host.folder, 'trash'))).toEqual([]);
  await later.destroy('sb_left');
  expect(await readdir(join(host.folder, 'quarantine'))).toEqual([]);
});

it('what cannot be deleted lies aside, and what is broken stops nothing else', {
  timeout: 60_000,
}, async () => {
  await using host = await driverHost();
  const at = (...names: readonly string[]) => join(host.folder, ...names);
  for (const folder of ['trash/gone-kept', 'trash/gone-other', 'sandboxes/sb_torn', 'layers/none', 'images'])
    await mkdir(at(folder), { recursive: true });
  const kept = at('trash/gone-kept');
  await writeFile(join(kept, 'file'), '');
  for (const name of ['trash/file', 'sandboxes/sb_file', 'sandboxes/not an id', 'images/file', 'layers/file'])
    await writeFile(at(name), 'broken');
  await writeFile(at('sandboxes/sb_torn/machine.json'), '{"version":');
  expect(spawnSync('chattr', ['+i', join(kept, 'file')]).status).toBe(0);
  try {
    const driver = open(host);
    await create(driver, 'sb_well');
    expect(await readdir(at('trash'))).toEqual([]);
    const [aside = ''] = await readdir(at('quarantine'));
    expect(await readdir(at('quarantine', aside))).toEqual(['file']);
    const { detail } = await driver.probe(AbortSignal.timeout(60_000));
    expect(detail).toContain(`1 that could not be used or deleted: ${at('quarantine')}`);

    expect(await driver.inspect('sb_well')).toMatchObject({ state: 'running' });
    for (const id of ['sb_file', 'sb_torn']) await driver.destroy(id);
    await driver.destroy('sb_well');
    expect(await readdir(at('sandboxes'))).toEqual(['not an id']);
    expect(await Array.fromAsync(driver.facets.snapshots?.list() ?? [])).toEqual([]);
  } finally {
    spawnSync('chattr', ['-R', '-i', host.folder]);
  }
});
