/** What a snapshot costs is decided by what is really there, and has a bound. */
import { arch } from 'node:process';
import type { Limits } from '@berth/contract';
import { guestClient } from '@berth/plugin-api/conformance';
import { expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const MEBIBYTE = 2 ** 20;
const QUICK_MS = 30_000;
/** Number of the system call on x64 and arm64. */
const SETXATTR = arch === 'arm64' ? 5 : 188;
const APPARENT_BYTES = 40 * 2 ** 30;

it('holes are not read, and what is too large is refused with the name of the largest file', {
  timeout: 120_000,
}, async () => {
  await using host = await driverHost();
  const driver = openOci(plugin.config.parse({ layerBytes: 32 * MEBIBYTE, layerInodes: 300 }), host);
  const limits: Limits = { memoryBytes: 256 * MEBIBYTE };
  const start = async (id: string, layers: readonly string[]) => {
    await driver.create({ id, layers, limits, env: {}, tools: [] }, AbortSignal.timeout(60_000));
    return await guestClient(await driver.connect(id));
  };
  const take = (id: string) => driver.facets.snapshots?.take(id) ?? Promise.reject(new TypeError('no facet'));
  try {
    using guest = await start('sb_one', []);
    const sh = async (line: string) => expect((await guest.run(['sh', '-c', line])).exitCode, line).toBe(0);
    await sh(`cd /workspace && echo begin >holes && truncate -s ${APPARENT_BYTES} holes && echo end >>holes`);
    const begun = performance.now();
    const { layer, sizeBytes } = await take('sb_one');
    expect(performance.now() - begun).toBeLessThan(QUICK_MS);
    expect(sizeBytes).toBeLessThan(MEBIBYTE);
    using second = await start('sb_two', [layer]);
    const { stdout } = await second.run([
      'sh',
      '-c',
      'stat -c %s /workspace/holes; tail -c 4 /workspace/holes',
    ]);
    expect(stdout).toBe(`${APPARENT_BYTES + 4}\nend\n`);

    await sh(
      'dd if=/dev/zero of=/workspace/small bs=1M count=3; dd if=/dev/zero of=/home/agent/big bs=1M count=40',
    );
    const tooLarge = { code: 'layer.too_large', message: expect.stringContaining('home/big with 40 MiB') };
    await expect(take('sb_one')).rejects.toMatchObject(tooLarge);
    await sh(
      'rm /home/agent/big; mkdir /workspace/many; cd /workspace/many; for n in $(seq 400); do : >$n; done',
    );
    const tooMany = { code: 'layer.too_large', message: expect.stringContaining('in 301 files') };
    await expect(take('sb_one')).rejects.toMatchObject(tooMany);
    await sh('rm -r /workspace/many');
    await take('sb_one');
    const deep = `perl -e 'chdir q(/workspace); for (1..30) { mkdir q(n) x 200; chdir q(n) x 200 }'`;
    await sh(deep);
    const tooLong = {
      code: 'layer.too_large',
      message: expect.stringContaining('longer than the 4096 bytes'),
    };
    await expect(take('sb_one')).rejects.toMatchObject(tooLong);
  } finally {
    for (const id of ['sb_one', 'sb_two']) await driver.destroy(id);
    await driver.close?.();
  }
});

it('what stands for a deletion and was created manually deletes nothing in the layers of others', {
  timeout: 120_000,
}, async () => {
  await using host = await driverHost();
  const driver = openOci(plugin.config.parse({}), host);
  const ids: string[] = [];
  const start = async (layers: readonly string[]) => {
    const id = `sb_${ids.length}`;
    ids.push(id);
    await driver.create({ id, layers, limits: {}, env: {}, tools: [] }, AbortSignal.timeout(60_000));
    const guest = await guestClient(await driver.connect(id));
    return {
      sh: async (line: string) => (await guest.run(['sh', '-c', line])).stdout,
      take: async () => (await driver.facets.snapshots?.take(id))?.layer ?? '',
    };
  };
  try {
    const below = await start([]);
    await below.sh('cd /workspace; mkdir folder; touch file folder/file');
    const forger = await start([]);
    const mark = `perl -e 'my ($path, $name, $value) = qw(/workspace/folder user.overlay.opaque y); print syscall(${SETXATTR}, $path, $name, $value, 1, 0)'`;
    expect(await forger.sh(`cd /workspace; mkdir folder; mknod file c 0 0 && printf made; ${mark}`)).toBe(
      'made0',
    );
    const layers = [await below.take(), await forger.take()];
    const above = await start(layers);
    expect(await above.sh('cd /workspace; ls file folder/file')).toBe('file\nfolder/file\n');
    // What the kernel wrote is kept.
    await above.sh('rm /workspace/file');
    const last = await start([...layers, await above.take()]);
    expect(await last.sh('ls /workspace')).toBe('folder\n');
  } finally {
    for (const id of ids) await driver.destroy(id);
    await driver.close?.();
  }
});
