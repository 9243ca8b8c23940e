import { arch } from 'node:process';

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly {
    readonly index: number;
    readonly value: number;
    readonly valueTwo?: number;
    readonly op: string;
  }[];
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, as in <linux/sched.h>. */
const NEW_NAMESPACES = 0x7e02_0000;
const AF_UNIX = 1;
const AF_NETLINK = 16;
/** AF_INET, AF_INET6. */
const INTERNET = [2, 10];
/** The family's default, TCP, UDP: others make the kernel load rarely audited modules. */
const INTERNET_PROTOCOLS = [0, 6, 17];
/** Used by libc to list interfaces; the others configure the kernel. */
const NETLINK_ROUTE = 0;
/** PER_LINUX, PER_LINUX32, UNAME26, both, and the query. */
const PERSONALITIES = [0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/**
 * TIOCSTI types into a terminal that someone else reads, TIOCLINUX into the console, and TIOCSETD loads rarely
 * audited line disciplines. The kernel uses only the lower half of the number, so the filter has to do the same.
 */
const REFUSED_IOCTLS = [0x5412, 0x541c, 0x5423];

/**
 * SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF: each compiles a program into kernel
 * memory that all of the machine shares (net.core.bpf_jit_limit) and that no control group counts. Once it is used up,
 * no sandbox starts, and no service that filters its own system calls.
 */
const REFUSED_SOCKET_OPTIONS = [26, 50, 51, 52];
const SOL_SOCKET = 1;

/**
 * The same memory, taken by filters of system calls. EINVAL is the answer of a kernel without filters, with which programs
 * that would like one continue.
 */
const PR_SET_SECCOMP = 22;
const SECCOMP_SET_MODE_FILTER = 1;

/** Not Landlock: its rules hold files that nobody can see (their disk space would not be counted). */
const ALLOWED = `
accept accept4 access alarm arch_prctl bind brk cachestat capget capset chdir chmod chown clock_getres
clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync
fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue futex_wait
futex_waitv futex_wake futimesat get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64
getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch
inotify_init inotify_init1 inotify_rm_watch ioprio_get ioprio_set ipc kill
lchown lgetxattr link linkat listen listxattr llistxattr lremovexattr
lseek lsetxattr lstat madvise map_shadow_stack mbind membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod
mknodat mlock mlock2 mlockall mmap mprotect mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause
pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll pread64 preadv
preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 ptrace pwrite64 pwritev pwritev2 read
readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2
restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
sched_setscheduler sched_yield select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto
set_mempolicy set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid
setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid setxattr shmat shmctl shmdt shmget
shutdown sigaltstack signalfd signalfd4 splice stat statfs statx symlink symlinkat sync sync_file_range
syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice
wait4 waitid waitpid write writev
`
  .trim()
  .split(/\s+/);

/** Known and denied with EPERM, so that the message is "Operation not permitted" and not "not implemented". */
const REFUSED = `
acct add_key bpf chroot delete_module finit_module fsconfig fsmount fsopen fspick init_module io_uring_enter
io_uring_register io_uring_setup kexec_file_load kexec_load keyctl mount mount_setattr move_mount open_by_handle_at
open_tree perf_event_open pivot_root quotactl reboot request_key setdomainname sethostname setns swapoff swapon umount2
unshare userfaultfd
`
  .trim()
  .split(/\s+/);

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
  riscv64: 'SCMP_ARCH_RISCV64',
};

/** `args`: required values of arguments, by index. */
const allowWhen = (name: string, args: Readonly<Record<number, number>>): Rule => ({
  names: [name],
  action: 'SCMP_ACT_ALLOW',
  args: Object.entries(args).map(([index, value]) => ({ index: Number(index), value, op: 'SCMP_CMP_EQ' })),
});

interface Prefix {
  readonly mask: number;
  readonly value: number;
}

/**
 * All 32-bit numbers except these, as prefixes: a filter can compare masked bits, with one condition per argument.
 */
const allBut = (values: readonly number[], bits = 32, value = 0): Prefix[] => {
  const mask = Number((0xffff_ffffn << BigInt(bits)) & 0xffff_ffffn);
  if (values.length === 0) return [{ mask, value }];
  if (bits === 0) return [];
  const bit = 2 ** (bits - 1);
  const isSet = (one: number): boolean => Math.floor(one / bit) % 2 === 1;
  return [
    ...allBut(
      values.filter((one) => !isSet(one)),
      bits - 1,
      value,
    ),
    ...allBut(values.filter(isSet), bits - 1, value + bit),
  ];
};

/** The kernel reads the lower 32 bits of an `int` argument only, so the filter compares no more than these. */
const exactly = (value: number): Prefix => ({ mask: 0xffff_ffff, value });

const matching = (
  name: string,
  prefixes: Readonly<Record<number, Prefix>>,
): Pick<Rule, 'names' | 'args'> => ({
  names: [name],
  args: Object.entries(prefixes).map(([index, { mask, value }]) => ({
    index: Number(index),
    value: mask,
    valueTwo: value,
    op: 'SCMP_CMP_MASKED_EQ',
  })),
});

const allowMatching = (name: string, prefixes: Readonly<Record<number, Prefix>>): Rule => ({
  ...matching(name, prefixes),
  action: 'SCMP_ACT_ALLOW',
});

const refuseMatching = (name: string, prefixes: Readonly<Record<number, Prefix>>): Rule => ({
  ...matching(name, prefixes),
  action: 'SCMP_ACT_ERRNO',
  errnoRet: EINVAL,
});

export const seccompProfile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: ENOSYS,
  architectures: [ARCHITECTURES[arch] ?? 'SCMP_ARCH_NATIVE'],
  syscalls: [
    { names: ALLOWED, action: 'SCMP_ACT_ALLOW' },
    {
      names: ['clone'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: NEW_NAMESPACES, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    ...allBut(REFUSED_IOCTLS).map((number) => allowMatching('ioctl', { 1: number })),
    ...allBut([SOL_SOCKET]).map((level) => allowMatching('setsockopt', { 1: level })),
    ...allBut(REFUSED_SOCKET_OPTIONS).map((option) =>
      allowMatching('setsockopt', { 1: exactly(SOL_SOCKET), 2: option }),
    ),
    ...allBut([PR_SET_SECCOMP]).map((option) => allowMatching('prctl', { 0: option })),
    refuseMatching('prctl', { 0: exactly(PR_SET_SECCOMP) }),
    ...allBut([SECCOMP_SET_MODE_FILTER]).map((operation) => allowMatching('seccomp', { 0: operation })),
    refuseMatching('seccomp', { 0: exactly(SECCOMP_SET_MODE_FILTER) }),
    allowWhen('socket', { 0: AF_UNIX }),
    allowWhen('socket', { 0: AF_NETLINK, 2: NETLINK_ROUTE }),
    ...INTERNET.flatMap((family) =>
      INTERNET_PROTOCOLS.map((protocol) => allowWhen('socket', { 0: family, 2: protocol })),
    ),
    allowWhen('socketpair', { 0: AF_UNIX }),
    ...PERSONALITIES.map((value) => allowWhen('personality', { 0: value })),
    { names: REFUSED, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
  ],
};
