import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { guestClient } from '@berth/plugin-api/conformance';
import { expect, it } from 'vitest';
import { driverHost } from '../../testing/driver-host.ts';
import { openOci } from './driver.ts';
import plugin from './index.ts';

const run = promisify(execFile);

/** A root file system with a shell, `cat` and what they and Node are linked to, and nothing else. */
const smallImage = async (folder: string): Promise<string> => {
  const programs = ['/bin/sh', '/bin/cat'];
  const { stdout } = await run('ldd', [execPath, ...programs]);
  const libraries = [...new Set(stdout.match(/\/[^\s:]+\.so[^\s:]*/g))];
  const image = join(folder, 'image.tar');
  const names = [...programs, ...libraries].map((path) => path.slice(1));
  await run('tar', ['-C', '/', '--dereference', '-cf', image, '--', ...names]);
  await writeFile(join(folder, 'passwd'), 'root:x:0:0::/root:/bin/sh\n');
  await run('tar', ['-C', folder, '--transform', 's,^passwd,etc/passwd,', '-rf', image, '--', 'passwd']);
  return image;
};

const spec = (id: string, image: string) => ({ id, image, layers: [], limits: {}, env: {}, tools: [] });

it('a sandbox starts from an image tar, which is unpacked once', { timeout: 60_000 }, async () => {
  await using host = await driverHost();
  const driver = openOci(plugin.config.parse({}), host);
  const image = await smallImage(join(host.folder, '..'));
  for (const id of ['sb_first', 'sb_second']) {
    await driver.create(spec(id, image), AbortSignal.timeout(30_000));
    using client = await guestClient(await driver.connect(id));
    const passwd = await client.run(['cat', '/etc/passwd']);
    expect(passwd.stdout).toBe('root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n');
    expect((await client.run(['cat', '/usr/bin/env'])).exitCode).not.toBe(0);
    await driver.destroy(id);
  }
});

it('what is no image is refused', { timeout: 60_000 }, async () => {
  await using host = await driverHost();
  const driver = openOci(plugin.config.parse({}), host);
  const image = join(host.folder, '..', 'text');
  const refused = () => expect(driver.create(spec('sb_no', image), AbortSignal.timeout(30_000))).rejects;
  await refused().toMatchObject({ code: 'image.unusable' });
  await writeFile(image, 'not a tar');
  await refused().toMatchObject({ code: 'image.unusable' });
  await writeFile(join(host.folder, '..', 'manifest.json'), '[]');
  await run('tar', ['-C', join(host.folder, '..'), '-cf', image, '--', 'manifest.json']);
  await refused().toMatchObject({ message: expect.stringContaining('docker export') });
  expect(await Array.fromAsync(driver.list())).toEqual([]);
});
