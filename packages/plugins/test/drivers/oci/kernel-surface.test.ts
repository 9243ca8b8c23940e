/** What of the kernel a sandbox can reach and use up, with every runtime: each line is tried by a program in there. */
import { readFileSync, watch } from 'node:fs';
import { arch } from 'node:process';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const limits = { memoryBytes: 256 * 2 ** 20, pids: 100, cpus: 1 };
const spec = (id: string) => ({ id, layers: [], limits, env: {}, tools: [] });

/** Numbers of system calls on x64 and arm64. */
const CALLS: Readonly<Record<string, readonly [number, number]>> = {
  add_key: [248, 217],
  bpf: [321, 280],
  clone3: [435, 435],
  fanotify_init: [300, 262],
  fsopen: [430, 430],
  io_uring_setup: [425, 425],
  kcmp: [312, 272],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  mount: [165, 40],
  mq_open: [240, 180],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  perf_event_open: [298, 241],
  pivot_root: [155, 41],
  request_key: [249, 218],
  setns: [308, 268],
  syslog: [103, 116],
  umount2: [166, 39],
  unshare: [272, 97],
  userfaultfd: [323, 282],
};
const INOTIFY_INIT1: readonly [number, number] = [294, 26];
const TIMER_CREATE: readonly [number, number] = [222, 107];
const CLONE: readonly [number, number] = [56, 220];
const PERSONALITY: readonly [number, number] = [135, 92];
const SENDMSG: readonly [number, number] = [46, 211];
const IOCTL: readonly [number, number] = [16, 29];
const PRCTL: readonly [number, number] = [157, 167];
const SECCOMP: readonly [number, number] = [317, 277];
const SETSOCKOPT: readonly [number, number] = [54, 208];
const SOCKETPAIR: readonly [number, number] = [53, 199];
const here = (numbers: readonly [number, number]): number => numbers[arch === 'arm64' ? 1 : 0];

/** What the filter answers; anything else comes from the kernel behind it. */
const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;
const TOO_MANY_IN_FLIGHT = 109;
const DO_NOT_WAIT = 0x40;
const NEW_USER = 0x1000_0000;
const NEW_MOUNTS = 0x2_0000;
const NO_RANDOM_ADDRESSES = 0x4_0000;

/** Family, type and protocol. */
const SOCKETS: Readonly<Record<string, readonly [number, number, number]>> = {
  AF_ALG: [38, 5, 0],
  AF_BLUETOOTH: [31, 3, 0],
  AF_KEY: [15, 3, 2],
  'AF_NETLINK, audit': [16, 3, 9],
  'AF_NETLINK, netfilter': [16, 3, 12],
  'AF_NETLINK, XFRM': [16, 3, 6],
  AF_PACKET: [17, 3, 0],
  AF_RXRPC: [33, 2, 2],
  AF_SMC: [43, 1, 0],
  AF_TIPC: [30, 1, 0],
  AF_VSOCK: [40, 1, 0],
  AF_XDP: [44, 3, 0],
  DCCP: [2, 6, 33],
  MPTCP: [2, 1, 262],
  SCTP: [2, 5, 132],
};

describe.each(['crun', 'runc'] as const)('inside a sandbox of %s', (runtime) => {
  const stack = new AsyncDisposableStack();
  let guest: GuestClient;
  let startOther: () => Promise<GuestClient>;

  const perl = async (program: string): Promise<string> =>
    (await guest.run(['perl', '-e', program])).stdout.trim();
  /** The error of a call, 0 when it succeeded. */
  const errorOf = async (call: readonly [number, number], ...args: readonly number[]): Promise<number> =>
    Number(await perl(`print(syscall(${[here(call), ...args].join(', ')}) < 0 ? $! + 0 : 0)`));

  beforeAll(async () => {
    const host = stack.use(await driverHost({ mode: 0o700 }));
    const driver = openOci(plugin.config.parse({ runtime }), host);
    const start = async (id: string): Promise<GuestClient> => {
      stack.defer(() => driver.destroy(id));
      await driver.create(spec(id), AbortSignal.timeout(60_000));
      return stack.use(await guestClient(await driver.connect(id)));
    };
    startOther = () => start('sb_other');
    guest = await start('sb_taker');
  }, 60_000);

  afterAll(() => stack.disposeAsync());

  it('every mount is nosuid and nodev, but for the devices themselves', async () => {
    const { stdout } = await guest.run(['cat', '/proc/self/mountinfo']);
    const mounts = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([, , , , place = '', options = '']) => ({ place, options: options.split(',') }));
    const ours = mounts.filter(({ place }) => !/^\/(dev|proc)\/[^/]+$/.test(place) || place === '/dev/shm');
    expect(ours.map(({ place }) => place)).toEqual(expect.arrayContaining(['/', '/workspace', '/run/berth']));
    for (const { place, options } of ours)
      expect(options, place).toEqual(
        expect.arrayContaining(place === '/dev' ? ['nosuid'] : ['nosuid', 'nodev']),
      );
  });

  it.each(Object.keys(CALLS))('%s does not reach the kernel', async (name) => {
    expect([EPERM, ENOSYS]).toContain(await errorOf(CALLS[name] ?? [0, 0], 0, 0, 0, 0, 0));
  });

  it('no namespace is made, and addresses stay random', async () => {
    for (const flag of [NEW_USER, NEW_MOUNTS])
      expect([EPERM, ENOSYS]).toContain(await errorOf(CLONE, flag, 0, 0, 0, 0));
    expect([EPERM, ENOSYS]).toContain(await errorOf(PERSONALITY, NO_RANDOM_ADDRESSES));
    const { stdout } = await guest.run(['sh', '-c', 'cat /proc/sys/user/max_*_namespaces']);
    expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['0']));
  });

  it('nobody types into a terminal, or gives it another driver, and whatever else terminals do is as it was', async () => {
    const ask = async (request: string): Promise<string> =>
      await perl(
        `open(T, '+<', '/dev/ptmx') or die; my $b = pack('x64'); print(syscall(${here(IOCTL)}, fileno(T), ${request}, $b) < 0 ? $! + 0 : 'done')`,
      );
    for (const refused of ['0x5412', '0x541c', '0x5423', '(1 << 32) + 0x5412', '(-1 << 32) + 0x541c'])
      expect([EPERM, ENOSYS], refused).toContain(Number(await ask(refused)));
    // TCGETS, TIOCGWINSZ, TIOCSWINSZ, FIONREAD, TIOCGETD, TIOCGPTN, TIOCSPTLCK.
    for (const usual of ['0x5401', '0x5413', '0x5414', '0x541b', '0x5424', '0x80045430', '0x40045431'])
      expect(await ask(usual), usual).toBe('done');
    expect((await guest.run(['script', '-qec', 'stty -echo; stty size', '/dev/null'])).exitCode).toBe(0);
  });

  it('sockets are of the local machine and of the internet, and of no other kind', async () => {
    const made = async (numbers: readonly number[]): Promise<string> =>
      await perl(`print(socket(S, ${numbers.join(', ')}) ? 'made' : $! + 0)`);
    for (const ordinary of [[1, 1, 0], [2, 1, 0], [2, 2, 17], [10, 1, 6], [16, 3, 0]]) // biome-ignore format: a table
      expect(await made(ordinary), String(ordinary)).toBe('made');
    for (const [name, numbers] of Object.entries(SOCKETS))
      expect([EPERM, ENOSYS], name).toContain(Number(await made(numbers)));
    const pair = (family: number) => perl(`print(socketpair(A, B, ${family}, 1, 0) ? 'made' : $! + 0)`);
    expect(await pair(1)).toBe('made');
    for (const family of [2, 16, 30, 40])
      expect([EPERM, ENOSYS], String(family)).toContain(await errorOf(SOCKETPAIR, family, 1, 0, 0));
  });

  it('no program is compiled into the memory that the kernel has for all, and programs that would like a filter go on without', async () => {
    // Four instructions of a classic filter that accepts everything.
    const filter = `my $code = pack('S C C L', 6, 0, 0, 0x7fff0000) x 4; my $filter = pack('S x6 P', 4, $code);`;
    const attach = async (level: string, option: string): Promise<string> =>
      await perl(
        `${filter} socket(S, 2, 2, 17); my $f = $option == 26 || $option == 51 ? $filter : pack('l', 0);
        print(syscall(${here(SETSOCKOPT)}, fileno(S), ${level}, ${option}, $f, length $f) < 0 ? $! + 0 : 'done')`.replaceAll(
          '$option',
          option,
        ),
      );
    for (const option of ['26', '50', '51', '52', '(1 << 32) + 26'])
      for (const level of ['1', '(1 << 32) + 1', '(-1 << 32) + 1'])
        expect([EPERM, ENOSYS], `${level} ${option}`).toContain(Number(await attach(level, option)));
    const filtered = (call: readonly [number, number], ...args: readonly string[]) =>
      perl(`${filter} print(syscall(${[here(call), ...args].join(', ')}) < 0 ? $! + 0 : 'done')`);
    for (const operation of ['22', '(1 << 32) + 22'])
      expect(await filtered(PRCTL, operation, '2', '$filter', '0', '0')).toBe(String(EINVAL));
    for (const operation of ['1', '(1 << 32) + 1'])
      expect(await filtered(SECCOMP, operation, '0', '$filter')).toBe(String(EINVAL));
    // SO_REUSEADDR, SO_KEEPALIVE, TCP_NODELAY, IP_TOS; PR_SET_NAME, PR_SET_DUMPABLE.
    const set = (level: number, option: number, type: number) =>
      perl(`socket(S, 2, ${type}, 0); print(setsockopt(S, ${level}, ${option}, 1) ? 'done' : $! + 0)`);
    for (const [level, option, type] of [[1, 2, 1], [1, 9, 1], [6, 1, 1], [0, 1, 2]] as const) // biome-ignore format: a table
      expect(await set(level, option, type), `${level} ${option}`).toBe('done');
    expect(await errorOf(PRCTL, 4, 1, 0, 0, 0)).toBe(0);
  });

  it('one takes all it can get of what the kernel counts, and the others and the host have theirs', async () => {
    const taken = '/workspace/taken';
    const take = `
      my ($instances, $timers, $id) = (0, 0, "\\0" x 8);
      my @terminals; while (open(my $t, '+<', '/dev/ptmx')) { push @terminals, $t }
      $instances++ while syscall(${here(INOTIFY_INIT1)}, 0) >= 0;
      # More than the soft limit on pages of pipes, which is one of the user and not of the namespace.
      my @pipes; for (1 .. 2000) { pipe(my $r, my $w) or last; push @pipes, $r, $w }
      $timers++ while $timers < 5000 && syscall(${here(TIMER_CREATE)}, 0, 0, $id) >= 0;
      # Descriptors on their way from process to process, 253 with each message.
      my $rights = pack('Q l l l253', 16 + 4 * 253, 1, 1, (0) x 253);
      my ($byte, @pairs) = ('x');
      my $parts = pack('P Q', $byte, 1);
      my $message = pack('Q L x4 P Q P Q l x4', 0, 0, $parts, 1, $rights, length $rights, 0);
      for (1 .. 100) {
        socketpair(my $a, my $b, 1, 1, 0) or last; push @pairs, $a, $b;
        1 while syscall(${here(SENDMSG)}, fileno($a), $message, ${DO_NOT_WAIT}) > 0;
        last if $! == ${TOO_MANY_IN_FLIGHT};
      }
      my $full = $! + 0;
      open(F, '>', '${taken}.draft'); print F "$instances $timers $full " . @terminals; close F;
      rename('${taken}.draft', '${taken}'); sleep 1000`;
    await guest.run(['sh', '-c', `perl -e '${take.replaceAll("'", `'"'"'`)}' >/dev/null 2>&1 &`]);
    await expect.poll(() => guest.run(['cat', taken]), { timeout: 10_000 }).toMatchObject({ exitCode: 0 });
    const [instances, timers, full, terminals] = ((await guest.read(taken)) ?? '').split(' ').map(Number);
    expect(instances).toBeLessThanOrEqual(128);
    expect(timers).toBeLessThanOrEqual(1024);
    expect(terminals).toBe(48);
    expect(full).toBe(TOO_MANY_IN_FLIGHT);

    watch('/tmp').close();
    const other = await startOther();
    const { stdout } = await other.run(['perl', '-e', `print(syscall(${here(INOTIFY_INIT1)}, 0) >= 0)`]);
    expect(stdout).toBe('1');
    // Its pipes are small now, and carry what they did.
    const piped = await other.run(['sh', '-c', 'head -c 8M /dev/zero | cat | cat | wc -c']);
    expect(piped.stdout.trim()).toBe(String(8 * 2 ** 20));
    // Its guest, and the one beside the taker, do all that they did.
    for (const [id, one] of [
      ['sb_other', other],
      ['sb_taker', guest],
    ] as const) {
      expect(await one.health()).toMatchObject({ id });
      await one.write('/workspace/still', id);
      expect(await one.read('/workspace/still')).toBe(id);
      expect((await one.hold(['true'])).pid).toBeGreaterThan(1);
    }
  });

  it('what outlives those who made it has few of its kind, and nobody raises a limit', async () => {
    const { stdout } = await guest.run(['sh', '-c', 'cd /proc/sys/kernel; cat msgmni shm_rmid_forced sem']);
    expect(stdout.trim().split(/\s+/).map(Number)).toEqual([64, 1, 250, 32_000, 32, 128]);
    const raise =
      'for f in /proc/sys/kernel/sem /proc/sys/user/*; do echo 9 > $f && echo $f; done 2>/dev/null';
    expect((await guest.run(['sh', '-c', raise])).stdout).toBe('');
  });

  it('no limit of a process is the one that the server happened to have', async () => {
    const { stdout } = await guest.run(['cat', '/proc/self/limits']);
    const hard = (name: string) => Number(new RegExp(`^${name} +\\S+ +(\\S+)`, 'm').exec(stdout)?.[1]);
    expect(hard('Max core file size')).toBe(0);
    expect(hard('Max msgqueue size')).toBe(0);
    expect(hard('Max pending signals')).toBeLessThanOrEqual(1024);
    expect(hard('Max open files')).toBeLessThanOrEqual(65_536);
    // Memory ends before the files of the whole machine do, or this sandbox has a share of them.
    const fromProc = (file: string) => Number(/\d+/.exec(readFileSync(file, 'utf8'))?.[0]);
    const files = fromProc('/proc/sys/fs/file-max');
    const memory = fromProc('/proc/meminfo') * 1024;
    expect(Math.min(100 * hard('Max open files') * 8, memory / 192)).toBeLessThanOrEqual(files + 1);
    expect(hard('Max locked memory')).toBeLessThanOrEqual(8 * 2 ** 20);
    // Of the 100 of the sandbox, what is not kept for the guest.
    expect(hard('Max processes')).toBe(52);
    expect(hard('Max stack size')).toBeLessThanOrEqual(2 ** 30);
  });

  it('temporary folders have an end of their files', async () => {
    const { stdout } = await guest.run(['sh', '-c', 'df --output=itotal /tmp /var/tmp /dev/shm /dev']);
    const counts = stdout.trim().split('\n').slice(1).map(Number);
    // A sixteenth of the memory of commands, and a sixty-fourth of it twice, at a kibibyte each.
    // With control groups v1 sockets have an eighth of it for themselves.
    expect([
      [12_288, 3072, 3072, 1024],
      [10_752, 2688, 2688, 1024],
    ]).toContainEqual(counts);
  });
});
