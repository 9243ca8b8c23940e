/** What a sandbox may have on the disk, and what becomes of the one that takes more: only that one. */
import { join } from 'node:path';
import type { Limits } from '@berth/contract';
import type { Driver, DriverHost, Liveness } from '@berth/plugin-api';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { measure } from '../../../src/drivers/oci/rootfs/disk-usage.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const MEBIBYTE = 2 ** 20;
const SEEN_MS = 40_000;
const EVERYTHING = 2 ** 52;
/** Written in the half second in which it is noticed and ended, at two gibibytes a second. */
const MOST_OVER = 1024 * MEBIBYTE;
const stack = new AsyncDisposableStack();
let host: DriverHost;
let driver: Driver;

const open = (settings: object = {}): Driver => {
  const opened = openOci(plugin.config.parse(settings), host);
  stack.defer(() => opened.close?.());
  return opened;
};

const start = async (id: string, limits: Limits): Promise<GuestClient> => {
  stack.defer(() => driver.destroy(id));
  await driver.create({ id, layers: [], limits, env: {}, tools: [] }, AbortSignal.timeout(60_000));
  return stack.use(await guestClient(await driver.connect(id)));
};

const lifeOf = (id: string): Promise<Liveness> => driver.inspect(id);

/** Started, and left to itself. */
const doing = (guest: GuestClient, script: string) =>
  guest.run(['sh', '-c', `(${script}) >/dev/null 2>&1 &`]);

beforeAll(async () => {
  host = stack.use(await driverHost());
  driver = open();
}, 60_000);

afterAll(() => stack.disposeAsync(), 60_000);

it('who writes more than its disk may hold is ended, and told why; the others go on', {
  timeout: 90_000,
}, async () => {
  const other = await start('sb_other', { diskBytes: 64 * MEBIBYTE, inodes: 1000 });
  const writer = await start('sb_writer', { diskBytes: 64 * MEBIBYTE });
  const file = await writer.run(['dd', 'if=/dev/zero', 'of=/workspace/one', 'bs=1M', 'count=80']);
  expect(file.stdout + file.stderr, 'a single file has its end at once').toMatch(/File too large|^$/);
  expect(file.exitCode).not.toBe(0);
  await doing(writer, 'for n in 1 2 3 4; do dd if=/dev/zero of=/home/agent/$n bs=1M count=30; done');
  const reason = expect.stringContaining('more than 64 MiB of disk (limits.diskBytes)');
  await expect.poll(() => lifeOf('sb_writer'), { timeout: SEEN_MS }).toMatchObject({ state: 'dead', reason });
  await expect(driver.connect('sb_writer')).rejects.toThrow(/limits\.diskBytes/);
  expect((await other.run(['true'])).exitCode).toBe(0);

  await doing(other, "perl -e 'for (1..2500) { open F, q(>), qq(/workspace/$_) }'");
  const files = expect.stringContaining('more than 1000 files on its disk (limits.inodes)');
  await expect
    .poll(() => lifeOf('sb_other'), { timeout: SEEN_MS })
    .toMatchObject({ state: 'dead', reason: files });
});

it('who writes as fast as it can has little more than its disk may hold when it is ended', {
  timeout: 90_000,
}, async () => {
  // Others with room for less than is written are measured as well, and delay nothing.
  for (const id of ['sb_beside', 'sb_behind']) await start(id, { diskBytes: 64 * MEBIBYTE });
  const most = 512 * MEBIBYTE;
  const writer = await start('sb_fast', { diskBytes: most, memoryBytes: 1024 * MEBIBYTE });
  const write = 'for n in $(seq 1000); do dd if=/dev/zero of=/workspace/$1-$n bs=4M count=8 || exit; done';
  await doing(writer, `for k in 1 2 3 4; do sh -c '${write}' write $k & done`);
  await expect.poll(() => lifeOf('sb_fast'), { timeout: SEEN_MS }).toMatchObject({ state: 'dead' });
  const { bytes } = await measure(join(host.folder, 'sandboxes', 'sb_fast'), {
    bytes: EVERYTHING,
    inodes: EVERYTHING,
  });
  expect(bytes).toBeGreaterThan(most);
  expect(bytes - most).toBeLessThan(MOST_OVER);
  expect(await lifeOf('sb_beside')).toMatchObject({ state: 'running' });
});

it('a disk with less free than the reserve takes no sandbox, and loses the one that has most on it', {
  timeout: 90_000,
}, async () => {
  const [large, small] = [await start('sb_large', {}), await start('sb_small', {})];
  await large.run(['dd', 'if=/dev/zero', 'of=/workspace/large', 'bs=1M', 'count=40']);
  const scarce = open({ reservedBytes: EVERYTHING });
  const asked = { id: 'sb_more', layers: [], limits: {}, env: {}, tools: [] };
  await expect(scarce.create(asked, AbortSignal.timeout(60_000))).rejects.toMatchObject({
    code: 'disk.full',
    message: expect.stringMatching(/MiB are free, \d+ MiB must stay free/),
  });
  await scarce.attach('sb_small');
  const reason = expect.stringContaining('this sandbox used most of it');
  await expect.poll(() => lifeOf('sb_large'), { timeout: SEEN_MS }).toMatchObject({ state: 'dead', reason });
  await scarce.close?.();
  expect(await small.health()).toMatchObject({ id: 'sb_small' });
});
