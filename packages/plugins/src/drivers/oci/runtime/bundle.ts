/** The OCI runtime configuration of a container, `config.json`, as data. Pure. */
import { readFileSync } from 'node:fs';
import type { Limits } from '@berth/contract';
import type { Unenforced } from '@berth/plugin-api';
import { type Cgroups, memoryOfPages } from '../cgroups/cgroups.ts';
import { memoryOfCommands } from '../cgroups/command-memory.ts';
import { rlimitsOf, ucountHook, type WatchLimits } from '../cgroups/kernel-limits.ts';
import type { Identity } from '../identity.ts';
import { seccompProfile } from './seccomp.ts';

export interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface Container {
  readonly id: string;
  readonly rootfs: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly limits: Limits;
  /** Processes and threads reserved within the limit, so that each user can always start one. */
  readonly reservedPids?: number | undefined;
  /** OOM score; 1000 is killed first. Default: higher than that of host programs. */
  readonly oomScore?: number | undefined;
  /** The user in it: root inside with a few capabilities, for isolated scripts; default: `agent` with none. */
  readonly user?: User | undefined;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly capabilities: readonly string[];
}

export interface BundleHost {
  readonly identity: Identity;
  /** Absent where cgroups are unavailable. */
  readonly cgroups: Cgroups | undefined;
  readonly inotify: WatchLimits;
  readonly openFiles: number;
  /** The compiled filter, base64, for a runtime that accepts it. */
  readonly compiledSeccomp: string | undefined;
}

const CPU_PERIOD_US = 100_000;
const MEBIBYTE = 2 ** 20;
/** Of 3072 that all sandboxes of a machine can have in common, as it is set up by itself. */
const MAX_TERMINALS = 48;
const NO_LIMIT = Number.POSITIVE_INFINITY;
/** More likely to be OOM-killed than any host program. */
const OOM_SCORE = 500;
/**
 * The guest has the OOM score of a host program, and so dies after the commands, which it starts with the highest
 * score. It is the lowest that an unprivileged command could set for itself, unless the driver has prevented that
 * (see command-groups.ts). A score below one's own needs a capability that a server may lack.
 */
export const guestOomScore = (): number =>
  Math.max(0, Number(readFileSync('/proc/self/oom_score_adj', 'utf8')));

export const bundleOf = (container: Container, world: BundleHost): object => {
  const { commands } = world.identity;
  const limits = withoutSockets(container.limits, world.cgroups);
  const { uid, gid, capabilities } = container.user ?? { uid: commands, gid: commands, capabilities: [] };
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid, gid },
      cwd: '/',
      args: container.argv,
      env: Object.entries(container.env).map(([name, value]) => `${name}=${value}`),
      noNewPrivileges: true,
      oomScoreAdj: container.oomScore ?? OOM_SCORE,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: rlimitsOf(container.limits, world.openFiles, container.reservedPids),
    },
    hooks: { createContainer: [ucountHook(world.inotify)] },
    root: { path: container.rootfs, readonly: true },
    hostname: 'sandbox',
    mounts: [
      ...kernelMounts(memoryOfCommands(limits.memoryBytes ?? NO_LIMIT), world.identity),
      ...container.mounts,
    ],
    annotations:
      world.compiledSeccomp === undefined ? {} : { 'run.oci.seccomp_bpf_data': world.compiledSeccomp },
    linux: {
      namespaces: NAMESPACES,
      uidMappings: world.identity.uidMappings,
      gidMappings: world.identity.gidMappings,
      // The guest serves http://berth.internal on port 80 without being root.
      sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
      ...(world.cgroups === undefined ? {} : { cgroupsPath: world.cgroups.pathOf(container.id) }),
      resources: resourcesOf(limits, world.cgroups),
      seccomp: seccompProfile,
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
};

const NAMESPACES = ['pid', 'ipc', 'uts', 'mount', 'network', 'user', 'cgroup'].map((type) => ({ type }));

/** Anyone may register triggers on `pressure`, and removing each one stalls the whole kernel. */
const MASKED = ['acpi', 'asound', 'kcore', 'keys', 'latency_stats', 'pressure', 'sched_debug', 'scsi', 'timer_list', 'timer_stats']
  .map((name) => `/proc/${name}`); // biome-ignore format: one thought
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`);

/**
 * Files in a tmpfs stay when their writers have been OOM-killed. So of the commands' memory, these get three quarters
 * together, contents and (at about a kibibyte each) names.
 */
const kernelMounts = (memoryBytes: number, { single }: Identity): readonly Mount[] => [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=64k', 'nr_inodes=1024'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: [
      ...['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', `max=${MAX_TERMINALS}`],
      // The group `tty`, where the id is mapped.
      ...(single === undefined ? ['gid=5'] : []),
    ],
  },
  memoryFolder('/dev/shm', part({ bytes: 256 * MEBIBYTE, inodes: 16_384 }, memoryBytes / 8), ['noexec']),
  memoryFolder('/tmp', part({ bytes: 1024 * MEBIBYTE, inodes: 262_144 }, memoryBytes / 2)),
  memoryFolder('/var/tmp', part({ bytes: 1024 * MEBIBYTE, inodes: 262_144 }, memoryBytes / 8)),
  memoryFolder('/opt/berth', { mode: '755', bytes: MEBIBYTE, inodes: 1024 }),
];

const INODE_BYTES = 1024;

/** This much, but no more than the memory share: seven eighths for contents, one for names. */
function part({ bytes, inodes }: Omit<MemoryFolder, 'mode'>, share: number): MemoryFolder {
  return {
    mode: '1777',
    bytes: Math.floor(Math.min(bytes, (share * 7) / 8)),
    inodes: Math.floor(Math.min(inodes, share / 8 / INODE_BYTES)),
  };
}

interface MemoryFolder {
  readonly mode: string;
  readonly bytes: number;
  readonly inodes: number;
}

/** Accounted as the sandbox's memory, where memory is limited. */
function memoryFolder(
  path: string,
  { mode, bytes, inodes }: MemoryFolder,
  options: readonly string[] = [],
): Mount {
  return {
    destination: path,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', `mode=${mode}`, `size=${bytes}`, `nr_inodes=${inodes}`, ...options],
  };
}

/** Recursively read-only. */
export const shown = (source: string, destination: string): Mount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'ro', 'nosuid', 'nodev'],
});

export const writable = (source: string, destination: string): Mount => ({
  destination,
  type: 'bind',
  source,
  options: ['bind', 'rw', 'nosuid', 'nodev'],
});

/** `lowers`: highest first. Mounted by the runtime inside the sandbox's own namespace: the host never sees it. */
export const overlay = (lowers: readonly string[], disk: string, destination: string): Mount => ({
  destination,
  type: 'overlay',
  source: 'overlay',
  options: [
    'nosuid',
    'nodev',
    `lowerdir=${lowers.join(':')}`,
    `upperdir=${disk}/upper`,
    `workdir=${disk}/work`,
    'userxattr',
  ],
});

const withoutSockets = (limits: Limits, cgroups: Cgroups | undefined): Limits =>
  limits.memoryBytes === undefined
    ? limits
    : { ...limits, memoryBytes: memoryOfPages(limits.memoryBytes, cgroups) };

const resourcesOf = ({ memoryBytes, cpus, pids }: Limits, cgroups: Cgroups | undefined): object => {
  const holds = cgroups?.controllers ?? new Set();
  const swap = cgroups?.limitsSwap === true ? { swap: memoryBytes } : {};
  return {
    ...(memoryBytes !== undefined && holds.has('memory') ? { memory: { limit: memoryBytes, ...swap } } : {}),
    ...(cpus !== undefined && holds.has('cpu')
      ? { cpu: { quota: Math.round(cpus * CPU_PERIOD_US), period: CPU_PERIOD_US } }
      : {}),
    ...(pids !== undefined && holds.has('pids') ? { pids: { limit: pids } } : {}),
  };
};

/** Which requested limits and which containment of commands will not be enforced, and why. */
export const unenforcedOf = (limits: Limits, cgroups: Cgroups | string): Unenforced[] => {
  const holds: ReadonlySet<string> = typeof cgroups === 'string' ? new Set() : cgroups.controllers;
  const reason =
    typeof cgroups === 'string' ? cgroups : `this machine has no such controller (${cgroups.layout})`;
  const asked = [
    { kind: 'memory', limit: limits.memoryBytes },
    { kind: 'cpu', limit: limits.cpus },
  ] as const;
  const gaps: Unenforced[] = asked
    .filter(({ kind, limit }) => limit !== undefined && !holds.has(kind))
    .map(({ kind }) => ({ kind, reason }));
  if (typeof cgroups !== 'string' && cgroups.sockets === 'unlimited' && limits.memoryBytes !== undefined)
    gaps.push({
      kind: 'sockets',
      reason: `this kernel does not account socket buffers (${cgroups.layout})`,
    });
  const contains = typeof cgroups !== 'string' && cgroups.commands !== undefined;
  return contains ? gaps : [...gaps, { kind: 'containment', reason }];
};

/** Where guest and commands are one user, a command can impersonate the guest. */
export const forgeableVerdict = ({ single }: Identity): Unenforced[] =>
  single === undefined ? [] : [{ kind: 'verdict', reason: single }];
