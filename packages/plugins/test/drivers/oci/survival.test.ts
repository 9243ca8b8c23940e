/** The guest goes on whatever commands use up: each case takes something to its end, and then a new command runs. */
import { readFile } from 'node:fs/promises';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const MEBIBYTE = 2 ** 20;
const ID = 'sb_survives';
const stack = new AsyncDisposableStack();
let driver: ReturnType<typeof openOci>;
let guest: GuestClient;
let pid: number;

beforeAll(async () => {
  const host = stack.use(await driverHost());
  driver = openOci(plugin.config.parse({}), host);
  stack.defer(() => driver.destroy(ID));
  const limits = { memoryBytes: 256 * MEBIBYTE, pids: 150, cpus: 2 };
  await driver.create({ id: ID, layers: [], limits, env: {}, tools: [] }, AbortSignal.timeout(60_000));
  guest = stack.use(await guestClient(await driver.connect(ID)));
  pid = (await guest.health()).pid;
}, 60_000);
afterAll(() => stack.disposeAsync());

/** A server that is root in a container may lack it; then a command can make itself the guest's equal. */
const CAP_SYS_RESOURCE = 24n;
const hasRight = async (right: bigint): Promise<boolean> => {
  const status = await readFile('/proc/self/status', 'utf8');
  return ((BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(status)?.[1] ?? '0'}`) >> right) & 1n) === 1n;
};

/** Runs it contained; returns what it wrote to `$OUT`, once it has written something. */
const contained = async (script: string): Promise<{ readonly said: string; end(): Promise<void> }> => {
  const file = `/workspace/${crypto.randomUUID()}`;
  const held = await guest.hold(['sh', '-c', script.replaceAll('$OUT', file)]);
  await driver.facets.groups?.enter(ID, held.id, held.pid);
  await held.release();
  await expect.poll(() => guest.read(file), { timeout: 20_000 }).toMatch(/./);
  return {
    said: (await guest.read(file)) ?? '',
    end: async () => driver.facets.groups?.end(ID, held.id),
  };
};

const expectAlive = async (): Promise<void> => {
  expect(await guest.health(5_000)).toMatchObject({ id: ID, pid });
  await guest.write('/workspace/still', 'written');
  expect(await guest.run(['cat', '/workspace/still'])).toMatchObject({ exitCode: 0, stdout: 'written' });
};

describe('the guest goes on', () => {
  it('because commands are taken first when memory ends, and cannot change that', async () => {
    expect((await guest.run(['cat', '/proc/self/oom_score_adj'])).stdout).toBe('1000\n');
    const own = Number(await guest.read(`/proc/${pid}/oom_score_adj`));
    expect(own).toBeLessThan(500);
    const script =
      '{ echo -1 > /proc/self/oom_score_adj; echo 0 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj; } > $OUT 2>&1';
    const { said, end } = await contained(script);
    await end();
    const lowest = Number(said.trim().split('\n').at(-1));
    if (await hasRight(CAP_SYS_RESOURCE)) expect(lowest).toBe(1000);
    else expect(lowest).toBeGreaterThanOrEqual(own);
  });

  /** Requests that are not finished, as many as are taken, with as much of them as the guest reads. */
  const REQUESTS = `
    use Socket; use Fcntl; my @all; $SIG{PIPE} = "IGNORE";
    for my $port (80, 3128) { for (1 .. 512) {
      socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, sockaddr_in($port, INADDR_LOOPBACK)) or last;
      fcntl($s, F_SETFL, O_NONBLOCK); push @all, $s;
      my $to = $port == 80 ? "/ HTTP/1.1\\r\\nHost: berth.internal" : "http://a.test/ HTTP/1.1\\r\\nHost: a.test";
      syswrite($s, "POST $to\\r\\nX: " . ("x" x 12000) . "\\r\\nContent-Length: 9000000\\r\\n\\r\\n") } }
    my ($quiet, $rounds, $body) = (0, 0, "x" x 300000);
    while ($quiet < 4 && $rounds++ < 60) {
      my $written = 0; for my $s (@all) { $written += syswrite($s, $body) || 0 }
      $quiet = $written ? 0 : $quiet + 1; select(undef, undef, undef, 0.05) }`;

  it.each([
    { title: 'each of many processes takes less memory than it does itself', score: 1000, first: '' },
    { title: 'they have made themselves its equals, too', score: 0, first: '' },
    { title: 'they have made it hold what it can of theirs before', score: 0, first: REQUESTS },
  ])('when $title', async ({ score, first }) => {
    const kills = async () => (await driver.facets.limits?.usage(ID))?.outOfMemoryKills ?? 0;
    const before = await kills();
    const hog = `open(S, ">", "/proc/self/oom_score_adj"); print S ${score}; close S; my $x = "x" x ${10 * MEBIBYTE}; sleep 60; exit`;
    const script = `${first}; for (1 .. 40) { if (!fork) { ${hog} } } sleep 60`;
    const { end } = await contained(`echo begun > $OUT; exec perl -e '${script}'`);
    await expect.poll(kills, { timeout: 15_000 }).toBeGreaterThan(before);
    expect(await guest.health(5_000)).toMatchObject({ id: ID, pid });
    await end();
    await expectAlive();
  });

  it('when there are as many processes as there may be', async () => {
    const bomb = `open(my $f, ">", "$OUT"); select($f); $| = 1; while (1) { defined(fork) or print "full" }`;
    const { end } = await contained(`exec perl -e '${bomb}'`);
    expect(await guest.health(10_000)).toMatchObject({ id: ID, pid });
    await end();
    await expectAlive();
  });

  it('when a command stops whatever is just starting', async () => {
    const stop = `open(my $f, ">", "$OUT"); print $f "begun"; close $f; my $end = time + 60; kill("STOP", -1) while time < $end`;
    const { end } = await contained(`exec perl -e '${stop}'`);
    const asked = Array.from({ length: 20 }, () => guest.run(['true']).catch(String));
    for (let round = 0; round < 20; round++) {
      expect(await guest.health(5_000)).toMatchObject({ id: ID, pid });
      await guest.write('/workspace/meanwhile', String(round));
    }
    await end();
    // What was stopped after it had begun waits for whoever ends it.
    await guest.run(['sh', '-c', 'kill -KILL -1']);
    expect(await Promise.all(asked)).toHaveLength(20);
    await expectAlive();
  });

  it('when every folder in memory is full, and of names as well', async () => {
    const fill = (folder: string): string =>
      `head -c 2G /dev/zero > ${folder}/fill 2>/dev/null; perl -e 'while (open(F, ">", "${folder}/" . $n++)) {}'`;
    const { exitCode } = await guest.run(['sh', '-c', ['/tmp', '/var/tmp', '/dev/shm'].map(fill).join(';')]);
    expect(exitCode).toBe(0);
    await expectAlive();
    await guest.run(['sh', '-c', 'rm -rf /tmp/* /var/tmp/* /dev/shm/*']);
  });

  it('when memory is taken that belongs to no process', async () => {
    const take = `use strict; for (1 .. 4) { my $id = shmget(0, ${100 * MEBIBYTE}, 01600) // exit; shmwrite($id, "x" x ${100 * MEBIBYTE}, 0, ${100 * MEBIBYTE}) }`;
    await guest.run(['perl', '-e', take]);
    expect((await guest.run(['cat', '/proc/sysvipc/shm'])).stdout.trim().split('\n')).toHaveLength(1);
    await expectAlive();
    const { said, end } = await contained(
      `perl -e 'my $n = 0; for my $each (32000, 250, 1) { $n++ while defined semget(0, $each, 0600) } print $n' > $OUT`,
    );
    await end();
    expect(Number(said)).toBeGreaterThan(100);
    await expectAlive();
  });

  it('when sockets hold all that they may, which is less than the memory of the sandbox', async () => {
    const { said, end } = await contained(`exec perl -e '${FILL_SOCKETS}' $OUT`);
    expect(Number(said) / MEBIBYTE).toBeLessThan(256);
    await expectAlive();
    await end();
  });
});

/** Writes into TCP and UDP sockets that nobody reads, all of one process, and says how many bytes wait in them. */
const FILL_SOCKETS = `
use Socket; my ($held, @kept) = (0); my $block = "x" x 65536;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die; bind($listener, pack_sockaddr_in(0, INADDR_LOOPBACK)); listen($listener, 100);
for (1 .. 120) {
  socket(my $to, PF_INET, SOCK_STREAM, 0); connect($to, getsockname($listener)); accept(my $from, $listener); push @kept, $to, $from;
  while (my $sent = send($to, $block, MSG_DONTWAIT)) { $held += $sent }
}
for (1 .. 60) {
  socket(my $to, PF_INET, SOCK_DGRAM, 0); setsockopt($to, SOL_SOCKET, SO_RCVBUF, 1 << 30); bind($to, pack_sockaddr_in(0, INADDR_LOOPBACK));
  for (1 .. 400) { send($to, "x" x 1000, MSG_DONTWAIT, getsockname($to)) }
  while (defined recv($to, my $got, 2000, MSG_DONTWAIT)) { $held += 1000 }
}
open(my $f, ">", shift); print $f $held; close $f; sleep 60`;
