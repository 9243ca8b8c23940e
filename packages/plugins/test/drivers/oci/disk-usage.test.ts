import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measure } from '../../../src/drivers/oci/rootfs/disk-usage.ts';

const MEBIBYTE = 2 ** 20;
const ENOUGH = { bytes: 100 * MEBIBYTE, inodes: 100 };
let folder: string;
let tree: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-measure-'));
  tree = join(folder, 'tree');
  await mkdir(join(tree, 'below'), { recursive: true });
  await writeFile(join(tree, 'below', 'one'), Buffer.alloc(2 * MEBIBYTE, 1));
  await link(join(tree, 'below', 'one'), join(tree, 'again'));
});
afterAll(() => rm(folder, { recursive: true }));

/** With nothing but these programs, of which `find` may be another. */
const measuredWith = async (find: string | undefined, programs = ['nice', 'awk']) => {
  const path = await mkdtemp(join(folder, 'path-'));
  for (const name of programs) await symlink(join('/usr/bin', name), join(path, name));
  if (find !== undefined) await writeFile(join(path, 'find'), `#!/bin/sh\n${find}\n`, { mode: 0o755 });
  return await measure(tree, ENOUGH, ['/usr/bin/env', `PATH=${path}`]);
};

test('counts blocks, each file once, and ends at what is too much', async () => {
  const { bytes, inodes } = await measure(tree, ENOUGH);
  expect(inodes).toBe(3);
  expect(bytes).toBeGreaterThanOrEqual(2 * MEBIBYTE);
  expect(bytes).toBeLessThan(3 * MEBIBYTE);
  expect((await measure(tree, { ...ENOUGH, inodes: 1 })).inodes).toBe(2);
  expect(await measuredWith('exec /usr/bin/find "$@"')).toEqual({ bytes, inodes });
});

test.each([
  { without: 'find', find: undefined, programs: ['nice', 'awk'] },
  { without: 'awk', find: 'exec /usr/bin/find "$@"', programs: ['nice'] },
])('without `$without` nothing is measured, which is not the same as nothing', async ({ find, programs }) => {
  await expect(measuredWith(find, programs)).rejects.toMatchObject({ code: 'driver.failed' });
});

test.each([
  { what: 'knows no format', find: 'echo "find: unrecognized: -printf" >&2; exit 1' },
  { what: 'ends in the middle', find: 'echo "d 3 1 8"; kill -KILL $$' },
  { what: 'fails in the middle', find: 'echo "d 3 1 8"; echo "find: failed to read" >&2; exit 1' },
  { what: 'fails without a word', find: 'echo "d 3 1 8"; exit 1' },
  { what: 'sees nothing', find: 'exit 0' },
])('a walk that $what is no measure', async ({ find }) => {
  await expect(measuredWith(find)).rejects.toMatchObject({ code: 'driver.failed' });
});

test('a folder that is gone is no measure; what goes while it is walked through is not there', async () => {
  await expect(measure(join(folder, 'gone'), ENOUGH)).rejects.toMatchObject({ code: 'driver.failed' });
  const gone = "echo 'd 3 1 8'; echo \"find: '/a: b': No such file or directory\" >&2; exit 1";
  expect(await measuredWith(gone)).toEqual({ bytes: 4096, inodes: 1 });
});
