/**
 * Files that nothing but a blocked system call holds. The driver's folder is on a small disk of its own, so that what is
 * in use there is known exactly, and so that it can become nearly full.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Limits } from '@berth/contract';
import type { Driver } from '@berth/plugin-api';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { realGuest } from '../../../testing/driver-host.ts';

const MEBIBYTE = 2 ** 20;
const SEEN_MS = 30_000;
const stack = new AsyncDisposableStack();
const place = mkdtempSync(join(tmpdir(), 'berth-held-'));
const disk = join(place, 'disk');
let driver: Driver;

beforeAll(async () => {
  stack.defer(() => rmSync(place, { recursive: true }));
  const image = join(place, 'image');
  writeFileSync(image, '');
  truncateSync(image, 1024 * MEBIBYTE);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
  mkdirSync(disk);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  stack.defer(() => void execFileSync('umount', [disk]));
  const folder = join(disk, 'driver');
  mkdirSync(folder, { mode: 0o711 });
  const config = plugin.config.parse({ reservedBytes: 400 * MEBIBYTE, reservedInodes: 0 });
  driver = openOci(config, {
    ...{ installation: `installation of ${folder}`, folder, guest: await realGuest() },
    log: () => undefined,
  });
  stack.defer(() => driver.close?.());
}, 60_000);

afterAll(() => stack.disposeAsync(), 60_000);

const start = async (id: string, limits: Limits): Promise<GuestClient> => {
  stack.defer(() => driver.destroy(id));
  await driver.create({ id, layers: [], limits, env: {}, tools: [] }, AbortSignal.timeout(60_000));
  return stack.use(await guestClient(await driver.connect(id)));
};

const freeBytes = (): number => {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
};

/**
 * A pipe and a socket that are full. `hold` writes a file in a child, which nobody waits for, so that its write counters
 * are forgotten, and keeps it in a system call of a thread alone.
 */
const HOLDER = `
import os, signal, socket, threading, time
ORDER = 1 if os.uname().machine == 'x86_64' else 0
def fill(put):
  try:
    while True: put(bytes(65536))
  except BlockingIOError: pass
out, full = os.pipe()
os.set_blocking(full, False)
fill(lambda data: os.write(full, data))
os.set_blocking(full, True)
near, far = socket.socketpair()
near.setblocking(False)
fill(near.send)
near.setblocking(True)
CALLS = [
  (['71', '40'], lambda file: os.sendfile(full, file, 0, 65536)),
  (['76', '275'], lambda file: os.splice(file, full, 65536)),
  (['211', '46'], lambda file: socket.send_fds(near, [b'x'], [file])),
]
def call_of(thread):
  try: return open(f'/proc/self/task/{thread.native_id}/syscall').read().split()[0]
  except FileNotFoundError: return ''
def block(call, file):
  numbers, act = CALLS[call]
  def run():
    try: act(file)
    except OSError: pass
  thread = threading.Thread(target=run, daemon=True)
  thread.start()
  while thread.is_alive() and call_of(thread) != numbers[ORDER]: time.sleep(0.001)
  return thread
def hold(call, mebibytes):
  file = os.open('/workspace/f', os.O_RDWR | os.O_CREAT)
  os.unlink('/workspace/f')
  if os.fork() == 0:
    for _ in range(mebibytes): os.write(file, bytes(1 << 20))
    os._exit(0)
  while os.fstat(file).st_size < mebibytes << 20: time.sleep(0.001)
  os.lseek(file, 0, 0)
  block(call, file)
  os.close(file)
`;

const ATTACK = `${HOLDER}
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for n in range(30): hold(n % 3, 24)
open('/workspace/done', 'w').close()
time.sleep(1000)`;

/** An honest program: it sends a file that it has open, and its reader is slow. */
const SENDER = `${HOLDER}
file = os.open('/workspace/page', os.O_RDWR | os.O_CREAT)
os.write(file, bytes(65536))
sending = block(0, file)
open('/workspace/begun', 'w').close()
while not os.path.exists('/workspace/read'): time.sleep(0.01)
os.set_blocking(out, False)
while sending.is_alive():
  try: os.read(out, 65536)
  except BlockingIOError: time.sleep(0.01)
open('/workspace/sent', 'w').close()`;

const begin = async (guest: GuestClient, command: string, args: readonly string[] = []): Promise<void> => {
  const shell = `"$@" >/workspace/said 2>&1 &`;
  expect((await guest.run(['sh', '-c', shell, 'sh', command, ...args])).exitCode).toBe(0);
};

const isThere = async (guest: GuestClient, path: string): Promise<boolean> =>
  (await guest.run(['test', '-e', path])).exitCode === 0;

it('are dropped, so that nobody has more than its limit, and nobody else is ended when the disk is nearly full', {
  timeout: 90_000,
}, async () => {
  const victim = await start('sb_victim', {});
  await victim.run(['dd', 'if=/dev/zero', 'of=/workspace/large', 'bs=1M', 'count=150']);
  const beside = await start('sb_beside', { diskBytes: 64 * MEBIBYTE });
  await begin(beside, 'python3', ['-c', SENDER]);
  await expect.poll(() => isThere(beside, '/workspace/begun'), { timeout: SEEN_MS }).toBe(true);
  const lock = '/workspace/lock';
  await begin(beside, 'flock', [
    lock,
    'sh',
    '-c',
    'touch /workspace/held; until [ -e /workspace/let-go ]; do sleep 0.05; done',
  ]);
  await expect.poll(() => isThere(beside, '/workspace/held'), { timeout: SEEN_MS }).toBe(true);
  await begin(beside, 'flock', [lock, 'touch', '/workspace/locked']);

  const attacker = await start('sb_attacker', { diskBytes: 64 * MEBIBYTE });
  const before = freeBytes();
  await begin(attacker, 'python3', ['-c', ATTACK]);
  await expect
    .poll(async () => (await isThere(attacker, '/workspace/done')) && before - freeBytes(), {
      timeout: SEEN_MS,
    })
    .toBeLessThan(200 * MEBIBYTE);
  expect(await driver.inspect('sb_victim')).toMatchObject({ state: 'running' });
  expect(await driver.inspect('sb_beside')).toMatchObject({ state: 'running' });

  // What was interrupted goes on as if nothing had been.
  await beside.run(['touch', '/workspace/read', '/workspace/let-go']);
  await expect.poll(() => isThere(beside, '/workspace/sent'), { timeout: SEEN_MS }).toBe(true);
  await expect.poll(() => isThere(beside, '/workspace/locked'), { timeout: SEEN_MS }).toBe(true);
});

it('cannot be held by rules of Landlock, which nobody can see', async () => {
  const guest = await start('sb_landlock', {});
  const script = `import ctypes; c = ctypes.CDLL(None, use_errno=True); print(c.syscall(444, None, 0, 1), ctypes.get_errno())`;
  expect((await guest.run(['python3', '-c', script])).stdout.trim()).toBe('-1 38');
});
