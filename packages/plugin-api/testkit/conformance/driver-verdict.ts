/**
 * The guest's report on a command is only as good as the isolation between the two. These are the steps of a command
 * that tries to impersonate the guest, on every driver whose machines may not report `verdict`.
 */
import { expect } from 'vitest';
import type { Unenforced } from '../../src/driver.ts';
import type { DriverCase } from './driver-core.ts';
import type { GuestClient } from './guest-client.ts';

const reportsVerdict = (unenforced: readonly Unenforced[]): boolean =>
  unenforced.some(({ kind }) => kind === 'verdict');

/** System calls by number, since perl names none. Recent ones have the same number on every architecture. */
const STEPS = `
use strict; use Socket;
my ($guest, $ptrace) = map { $_ + 0 } @ARGV;
sub report { my ($step, $done) = @_; print "$step: ", ($done ? 'done' : $!{EPERM} ? 'EPERM' : $!{EACCES} ? 'EACCES' : "$!"), "\\n" }
sub reads { open(my $f, '<', $_[0]) or return; return defined(read($f, my $b, 1)) }
sub writes { open(F, '>>', $_[0]) }
sub lists { opendir(D, $_[0]) }
my @waiting = grep { open(my $f, '<', "/proc/$_/stat"); <$f> =~ /\\) \\w $guest / and $_ != $$ } map { m{(\\d+)} } glob('/proc/[0-9]*');
print "waiting: @waiting\n";
for my $p ($guest, 1, @waiting) {
  report("attach $p", syscall($ptrace, 0x4206, $p, 0, 0) == 0);
  my $fd = syscall(434, $p, 0);
  for my $n (0, 17, 20) { report("take descriptor $n of $p", syscall(438, $fd, $n, 0) >= 0) }
  for my $name ('environ', 'mem', 'maps') { report("read $p/$name", reads("/proc/$p/$name")) }
  for my $name ('fd', 'root/', 'cwd/') { report("list $p/$name", lists("/proc/$p/$name")) }
  for my $name ('fd/1', 'mem', 'oom_score_adj') { report("write $p/$name", writes("/proc/$p/$name")) }
}
open(my $sockets, '<', '/proc/net/unix');
for my $line (<$sockets>) {
  my ($path) = $line =~ m{ (/\\S+)$} or next;
  socket(my $s, PF_UNIX, SOCK_STREAM, 0);
  report("connect $path", connect($s, pack_sockaddr_un($path)));
  (my $folder = $path) =~ s{/[^/]+$}{};
  report("list $folder", lists($folder));
  report("write $folder", writes("$folder/planted"));
}
for my $p ($guest, 1, @waiting) { for my $signal (0, 'TERM', 'KILL', 'STOP', 'CONT') { report("signal $p $signal", kill($signal, $p) > 0) } }
`;

const PTRACE = process.arch === 'x64' ? '101' : '117';

const statusOf = async (guest: GuestClient, pid: number | 'self') => {
  const { stdout } = await guest.run(['cat', `/proc/${pid}/status`]);
  return (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(stdout)?.[1] ?? '';
};

/** Declared, not read from the driver: one that reports `verdict` without need would be tested by nothing. */
export const verdictCases = (saysVerdict: boolean): readonly DriverCase[] => [
  {
    title: saysVerdict
      ? 'the machine reports verdict, with the reason'
      : 'the machine does not report verdict, however often it is attached',
    check: async ({ create, reopen }) => {
      const { id, unenforced } = await create();
      expect(reportsVerdict(unenforced), JSON.stringify(unenforced)).toBe(saysVerdict);
      const found = (await reopen().attach(id))?.unenforced ?? [];
      expect(reportsVerdict(found), JSON.stringify(found)).toBe(saysVerdict);
    },
  },
  ...(saysVerdict ? [] : wallCases),
];

const wallCases: readonly DriverCase[] = [
  {
    title: 'commands run as another user than the guest and have no capabilities',
    check: async ({ create, client }) => {
      const { id } = await create();
      const guest = await client(id);
      const own = await statusOf(guest, 'self');
      const guests = await statusOf(guest, (await guest.health()).pid);
      const [ids, guestIds] = [own('Uid').split('\t'), guests('Uid').split('\t')];
      expect(new Set(ids).size).toBe(1);
      for (const one of guestIds) expect(ids).not.toContain(one);
      for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(own(name), name).toMatch(/^0+$/);
      expect(own('NoNewPrivs')).toBe('1');
    },
  },
  {
    title: 'a command can neither kill, trace, read nor impersonate the guest, nor its spare processes',
    check: async ({ create, client }) => {
      const { id } = await create();
      const guest = await client(id);
      const { pid } = await guest.health();
      // Each of these uses up a spare process.
      for (let round = 0; round < 2; round++) await guest.run(['sleep', '0.1']);
      const { stdout, stderr } = await guest.run(['perl', '-e', STEPS, String(pid), PTRACE]);
      expect(stderr).toBe('');
      const steps = stdout.trim().split('\n');
      expect(steps.filter((step) => /^connect /.test(step)).length).toBeGreaterThan(0);
      const [waiting = '', ...refused] = steps.filter((step) => !/: (EPERM|EACCES)$/.test(step));
      expect(refused).toEqual([]);
      expect(waiting).toMatch(/^waiting: \d/);
      expect(await (await client(id)).health()).toMatchObject({ id, pid });
      const next = await guest.run(['sh', '-c', 'echo $$']);
      expect(waiting.split(' ')).toContain(next.stdout.trim());
    },
  },
];
