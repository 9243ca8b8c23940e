/**
 * The walls, seen from inside. Each line is something that a program there must not be able to do, whoever runs the
 * server: root, an ordinary user, or one with a single id (see rootless.test.ts).
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Unenforced } from '@berth/plugin-api';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectCgroups } from '../../../src/drivers/oci/cgroups/cgroups.ts';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import { identify } from '../../../src/drivers/oci/identity.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const MEBIBYTE = 2 ** 20;
const stack = new AsyncDisposableStack();
let guest: GuestClient;
let other: GuestClient;
let secret: string;
let unenforced: readonly Unenforced[];
const identity = identify(plugin.config.parse({}).idBase);

const sh = (line: string) => guest.run(['sh', '-c', line]);

beforeAll(async () => {
  const host = stack.use(await driverHost({ mode: 0o700 }));
  const driver = openOci(plugin.config.parse({}), host);
  const limits = { memoryBytes: 256 * MEBIBYTE, pids: 100, cpus: 1 };
  const start = async (id: string): Promise<GuestClient> => {
    stack.defer(() => driver.destroy(id));
    const spec = { id, layers: [], limits, env: {}, tools: [] };
    ({ unenforced } = await driver.create(spec, AbortSignal.timeout(60_000)));
    return stack.use(await guestClient(await driver.connect(id)));
  };
  guest = await start('sb_one');
  other = await start('sb_two');
  const folder = await mkdtemp(join(tmpdir(), 'berth-secret-'));
  stack.defer(() => rm(folder, { recursive: true }));
  secret = join(folder, 'secret');
  await writeFile(secret, 'of the host', { mode: 0o644 });
  await other.write('/workspace/mine', 'of the other sandbox');
}, 60_000);

afterAll(() => stack.disposeAsync());

describe('inside an OCI sandbox', () => {
  it('one is an ordinary user without any right to gain more', async () => {
    const { commands } = identity;
    expect((await sh('id -u; id -g; id -un')).stdout).toBe(`${commands}\n${commands}\nagent\n`);
    const { stdout } = await sh('cat /proc/self/status');
    for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
      expect(stdout).toContain(`${name}:\t0000000000000000`);
    expect(stdout).toContain('NoNewPrivs:\t1');
    expect(stdout).toContain('Seccomp:\t2');
  });

  it('one is another user than the guest, or the sandbox says that its verdict can be forged, and why', async () => {
    const verdict = unenforced.filter(({ kind }) => kind === 'verdict');
    expect(verdict).toEqual(
      identity.single === undefined ? [] : [{ kind: 'verdict', reason: identity.single }],
    );
    const { stdout } = await sh("grep '^Uid:' /proc/self/status /proc/1/status | cut -f2 | uniq | wc -l");
    expect(stdout.trim()).toBe(identity.single === undefined ? '2' : '1');
  });

  it('its disk is measured whole, or the sandbox says what of it is not, and why', () => {
    const cgroups = detectCgroups(identity.rootless);
    const canFreeze = typeof cgroups !== 'string' && cgroups.canFreeze;
    const disk = unenforced.filter(({ kind }) => kind === 'disk');
    expect(disk).toEqual(
      canFreeze ? [] : [{ kind: 'disk', reason: expect.stringContaining('nothing can be frozen here') }],
    );
  });

  it.each([
    'unshare -U true',
    'unshare -m true',
    'mount -t tmpfs none /tmp',
    'chroot / true',
    'mknod /tmp/null c 1 3',
    'echo 1 > /proc/sys/kernel/core_pattern',
    'echo b > /proc/sysrq-trigger',
    'test -e /proc/pressure/memory',
    'kill -9 1',
    'su root -c true',
    'hostname other',
  ])('%s fails', async (line) => {
    const { exitCode, stdout } = await sh(`${line}; code=$?; true; exit $code`);
    // A signal to the first process of a namespace is accepted and ignored: it is still there.
    if (line === 'kill -9 1') expect((await sh('test -e /proc/1')).exitCode).toBe(0);
    else expect(exitCode, stdout).not.toBe(0);
  });

  it('only the disks and the temporary folders can be written', async () => {
    for (const folder of [
      '/',
      '/usr',
      '/usr/bin',
      '/etc',
      // Places for mounts, in memory: the guest's, whoever it is.
      ...(identity.single === undefined ? ['/opt/berth', '/opt/berth/bin'] : []),
      '/var',
      '/proc',
      '/home',
    ])
      expect((await sh(`touch ${folder}/x`)).exitCode, folder).not.toBe(0);
    expect((await sh('echo x >> /opt/berth/guest/guest.cjs')).exitCode).not.toBe(0);
    for (const folder of ['/workspace', '/home/agent', '/tmp', '/dev/shm'])
      expect((await sh(`touch ${folder}/x`)).exitCode, folder).toBe(0);
  });

  it('whatever else is mounted is read-only, also for one who would own it', async () => {
    const lines = (await sh('cat /proc/mounts')).stdout.trim().split('\n');
    const writable = lines
      .map((line) => line.split(' '))
      .filter(([, , , options = '']) => options.split(',').includes('rw'))
      .map(([, place = '']) => place)
      .filter((place) => !place.startsWith('/proc') && !place.startsWith('/dev'));
    const disks = ['/home/agent', '/run/berth', '/workspace'];
    // A folder in memory that belongs to root inside, who nobody is.
    expect(writable.sort()).toEqual([...disks, '/opt/berth', '/tmp', '/var/tmp'].sort());
  });

  it('neither homes, secrets, sockets nor the data of the host are there', async () => {
    expect(await readFile(secret, 'utf8')).toBe('of the host');
    const { stdout } = await sh('ls / /etc /run /home /var; cat /proc/mounts');
    for (const name of [
      'root\n',
      'shadow',
      'ssh',
      'sudoers',
      'docker.sock',
      'mnt/sandboxing',
      'npmrc',
      'gitconfig',
    ])
      expect(stdout).not.toContain(name);
    expect(await guest.read(secret)).toBeUndefined();
    for (const path of [
      '/etc/shadow',
      '/root',
      '/var/lib',
      '/run/docker.sock',
      '/proc/kcore',
      '/proc/1/root/root',
    ])
      expect((await sh(`head -c 1 ${path} || ls ${path}/*`)).exitCode, path).not.toBe(0);
    expect((await sh('hostname')).stdout).not.toContain(hostname());
  });

  it('files of another sandbox are not there', async () => {
    expect(await other.read('/workspace/mine')).toBe('of the other sandbox');
    expect((await sh('find / -name mine -not -path "/proc/*" 2>/dev/null')).stdout).toBe('');
  });

  it('no process of the host or of another sandbox is visible', async () => {
    const { stdout } = await sh('for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done');
    expect(stdout).not.toContain('vitest');
    expect(stdout.match(/guest\.cjs/g)?.length).toBeLessThanOrEqual(2);
    expect((await sh(`ls -d /proc/${process.pid}`)).exitCode).not.toBe(0);
  });

  it('there is no network but loopback', async () => {
    expect((await sh('cat /proc/net/dev')).stdout.match(/^\s*\w+:/gm)).toEqual([
      expect.stringContaining('lo:'),
    ]);
    expect((await sh('cat /proc/net/route | wc -l')).stdout.trim()).toBe('1');
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    const dial = (address: string, port: number) =>
      guest.run(['bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`]);
    expect((await dial('127.0.0.1', 3128)).exitCode, 'the proxy of the guest').toBe(0);
    for (const address of ['203.0.113.1', ...addresses.map((one) => one.address)])
      expect((await dial(address, 22)).exitCode, address).not.toBe(0);
    const socket = (family: number) => guest.run(['perl', '-e', `socket(S, ${family}, 1, 0) or exit 1`]);
    expect((await socket(2)).exitCode, 'AF_INET').toBe(0);
    for (const family of [17, 38, 40])
      expect((await socket(family)).exitCode, 'AF_PACKET, AF_ALG, AF_VSOCK').not.toBe(0);
  });

  it('commands are told about the proxy and the certificates', async () => {
    const { stdout } = await sh('printenv NODE_USE_ENV_PROXY https_proxy no_proxy SSL_CERT_FILE');
    expect(stdout).toBe(
      '1\nhttp://127.0.0.1:3128\nlocalhost,127.0.0.1,::1,berth.internal\n/etc/ssl/certs/ca-certificates.crt\n',
    );
  });

  it('a fork bomb is contained', async () => {
    const bomb = await guest.run(['timeout', '-s', 'KILL', '3', 'bash', '-c', ':(){ :|:& };:; sleep 2']);
    expect(bomb.stderr).toMatch(/fork|Resource temporarily unavailable|^$/i);
    await expect.poll(() => other.health(), { timeout: 5_000 }).toMatchObject({ id: 'sb_two' });
    expect(await guest.health()).toMatchObject({ id: 'sb_one' });
  });
});
