/** Files that are used and have no name: a walk sees none of them, and the disk has them all. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process, { arch } from 'node:process';
import { promisify } from 'node:util';
import type { Limits } from '@berth/contract';
import type { Driver, DriverHost, Liveness } from '@berth/plugin-api';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import { identify } from '../../../src/drivers/oci/identity.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { readRecord } from '../../../src/drivers/oci/record.ts';
import { measureNameless } from '../../../src/drivers/oci/rootfs/nameless.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const MEBIBYTE = 2 ** 20;
const SEEN_MS = 30_000;
/** Numbers of system calls on x64 and arm64. */
const MMAP: readonly [number, number] = [9, 222];
const SENDMSG: readonly [number, number] = [46, 211];
const here = (numbers: readonly [number, number]): number => numbers[arch === 'arm64' ? 1 : 0];
const EVERYTHING = { bytes: 2 ** 52, inodes: 2 ** 52 };
const stack = new AsyncDisposableStack();
let host: DriverHost;
let driver: Driver;

beforeAll(async () => {
  host = stack.use(await driverHost());
  driver = openOci(plugin.config.parse({}), host);
  stack.defer(() => driver.close?.());
}, 60_000);

afterAll(() => stack.disposeAsync(), 60_000);

const start = async (id: string, limits: Limits): Promise<GuestClient> => {
  stack.defer(() => driver.destroy(id));
  await driver.create({ id, layers: [], limits, env: {}, tools: [] }, AbortSignal.timeout(60_000));
  return stack.use(await guestClient(await driver.connect(id)));
};

const lifeOf = (id: string): Promise<Liveness> => driver.inspect(id);

/** Perl that goes on until it is killed; it says when it has done what it does. */
const doing = async (guest: GuestClient, script: string): Promise<void> => {
  const said = '/workspace/said';
  const shell = `rm -f ${said}; perl -e '${script}; open S, q(>), q(${said}); close S; sleep 1000' >/dev/null 2>&1 & until [ -e ${said} ]; do sleep 0.05; done`;
  expect((await guest.run(['sh', '-c', shell])).exitCode).toBe(0);
};

const namelessOf = async (id: string) => {
  const folder = join(host.folder, 'sandboxes', id);
  const record = await readRecord(folder);
  const first = record === 'damaged' || record === undefined ? { pid: 0, startTicks: 0 } : record.process;
  return await measureNameless(
    { folder, first, identity: identify(plugin.config.parse({}).idBase) },
    EVERYTHING,
  );
};

/** `count` files of `size` MiB without a name, each open in @h. */
const files = (count: number, size: number): string =>
  `for my $i (1..${count}) { open $h[$i], q(+>), q(/workspace/f); unlink q(/workspace/f); syswrite $h[$i], q(x) x 1048576 for 1..${size} }`;

it('who writes into files without a name is ended as if they had one', { timeout: 90_000 }, async () => {
  const beside = await start('sb_beside', { diskBytes: 64 * MEBIBYTE, inodes: 500 });
  const writer = await start('sb_nameless', { diskBytes: 64 * MEBIBYTE });
  await writer.run(['sh', '-c', `perl -e '${files(5, 30)}; sleep 1000' >/dev/null 2>&1 &`]);
  const reason = expect.stringContaining('more than 64 MiB of disk (limits.diskBytes)');
  await expect
    .poll(() => lifeOf('sb_nameless'), { timeout: SEEN_MS })
    .toMatchObject({ state: 'dead', reason });
  expect((await beside.run(['true'])).exitCode).toBe(0);

  await beside.run(['sh', '-c', `perl -e '${files(1500, 0)}; sleep 1000' >/dev/null 2>&1 &`]);
  const many = expect.stringContaining('more than 500 files on its disk (limits.inodes)');
  await expect
    .poll(() => lifeOf('sb_beside'), { timeout: SEEN_MS })
    .toMatchObject({ state: 'dead', reason: many });
});

it('a server that may not look at what processes hold says that it does not measure it', async () => {
  const script = `
    import { unseenHeld } from ${JSON.stringify(new URL('../../../src/drivers/oci/rootfs/nameless.ts', import.meta.url).href)};
    const first = { pid: ${process.pid}, startTicks: 0 };
    const look = (identity) => unseenHeld(first, identity, true);
    const seen = await look({ rootless: false });
    process.setuid(712_345);
    console.log(JSON.stringify([seen, await look({ rootless: false })]));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const reason = expect.stringContaining('may not inspect their holders');
  expect(JSON.parse(stdout)).toEqual([[], [{ kind: 'disk', reason }]]);
});

it('they are found open and mapped', { timeout: 60_000 }, async () => {
  const guest = await start('sb_hidden', {});
  const nothing = await namelessOf('sb_hidden');
  // What is in memory is counted there.
  await doing(guest, 'open F, q(+>), q(/tmp/f); unlink q(/tmp/f); syswrite F, q(x) x 8388608');
  expect(await namelessOf('sb_hidden')).toEqual(nothing);
  await doing(guest, files(3, 2));
  const open = await namelessOf('sb_hidden');
  expect(open.inodes).toBe(nothing.inodes + 3);
  expect(open.bytes - nothing.bytes).toBeGreaterThanOrEqual(6 * MEBIBYTE);
  await doing(guest, `${files(1, 4)}; syscall(${here(MMAP)}, 0, 4096, 1, 2, fileno($h[1]), 0); close $h[1]`);
  const mapped = await namelessOf('sb_hidden');
  expect(mapped.inodes).toBe(open.inodes + 1);
  expect(mapped.bytes - open.bytes).toBeGreaterThanOrEqual(4 * MEBIBYTE);
});

it('where descriptors are in flight, a full disk counts what they may hold', {
  timeout: 90_000,
}, async () => {
  const victim = await start('sb_victim', {});
  await victim.run(['dd', 'if=/dev/zero', 'of=/workspace/large', 'bs=1M', 'count=20']);
  const hider = await start('sb_hider', {});
  const send = `
    my ($byte, $rights) = (q(x), pack(q(Q l l l x4), 20, 1, 1, fileno $h[1]));
    my $parts = pack(q(P Q), $byte, 1);
    my $message = pack(q(Q L x4 P Q P Q l x4), 0, 0, $parts, 1, $rights, 24, 0);
    socketpair(A, B, 1, 1, 0) && syscall(${here(SENDMSG)}, fileno A, $message, 0) == 1 or die;
    close $h[1]`;
  await doing(hider, `${files(1, 80)}; ${send}`);
  await expect(namelessOf('sb_hider')).rejects.toThrow(/descriptors are in flight/);
  const scarce = openOci(plugin.config.parse({ reservedBytes: EVERYTHING.bytes }), host);
  stack.defer(() => scarce.close?.());
  await scarce.attach('sb_victim');
  const reason = expect.stringContaining('this sandbox used most of it');
  await expect.poll(() => lifeOf('sb_hider'), { timeout: SEEN_MS }).toMatchObject({ state: 'dead', reason });
  await scarce.close?.();
  expect((await victim.run(['true'])).exitCode).toBe(0);
});
