/**
 * Limits and their counters, on whatever cgroup layout this machine has: v1 (a tree per controller), v2 (one tree),
 * or both at once. The runtime creates the groups; this file says where, reads them, freezes and removes them. A
 * rootless server owns groups only where systemd delegated v2 to it; otherwise `detect` returns the reason, and the
 * driver reports its limits as not enforced.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { createKeyedLock } from '@berth/plugin-api';
import { ifMissing, isPresent } from '../../../linux/missing.ts';
import { type CommandGroups, type CommandPlaces, commandGroups } from './command-groups.ts';
import { keepMemoryV1, keepMemoryV2, memoryOfSockets, SOCKET_LIMIT_V1 } from './command-memory.ts';
import {
  allMembersOf,
  COMMANDS,
  type Freeze,
  field,
  freezerStateV1,
  freezerStateV2,
  freezeV1,
  freezeV2,
  GUEST,
  interruptAll,
  removeAll,
  thawAll,
} from './group.ts';

export type Controller = 'memory' | 'cpu' | 'pids';

export interface Usage {
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  readonly processes: number;
  readonly outOfMemoryKills: number;
}

export interface Cgroups {
  /** For an operator. */
  readonly layout: string;
  readonly controllers: ReadonlySet<Controller>;
  /** Whether swap can and must be limited together with memory. */
  readonly limitsSwap: boolean;
  readonly canFreeze: boolean;
  /** Socket buffers (TCP and UDP): part of `memory` on v2, separate or not limited at all on v1. */
  readonly sockets: 'in memory' | 'apart' | 'unlimited';
  /** The value of `linux.cgroupsPath`. */
  pathOf(containerId: string): string;
  usage(containerId: string): Promise<Usage>;
  outOfMemoryKills(containerId: string): Promise<number>;
  /** Those of them in the group of the guest, where the kernel takes commands first. 0 when there is no such group. */
  guestKills(containerId: string): Promise<number>;
  freeze(containerId: string, frozen: boolean): Promise<void>;
  /** What is frozen stays frozen; see `interruptAll`. */
  interrupt(containerId: string): Promise<boolean>;
  members(containerId: string): Promise<number[]>;
  /**
   * False while there are members; the kernel may count one briefly after its exit. Also true when the group does not
   * exist.
   */
  remove(containerId: string): Promise<boolean>;
  /** Groups for commands below a container's; absent where they could not be used to kill. */
  readonly commands: CommandGroups | undefined;
  /** Reserves part of the memory of a freshly started container from its commands; see command-memory.ts. */
  keepMemory(containerId: string, memoryBytes: number): Promise<void>;
}

interface Hierarchy {
  readonly mount: string;
  readonly version: 1 | 2;
  readonly options: readonly string[];
}

/** Returns a string, the reason, when no group can be created here. */
export const detectCgroups = (rootless: boolean): Cgroups | string => {
  const hierarchies = mountedHierarchies();
  const v1 = hierarchies.filter((one) => one.version === 1 && one.options.some(isController));
  const v2 = hierarchies.find((one) => one.version === 2);
  if (v1.length > 0) return rootless ? 'control groups v1 belong to root' : version1(hierarchies, v1, v2);
  if (v2 === undefined) return 'no control groups are mounted';
  const parent = rootless ? delegatedParent(v2.mount) : '/';
  return parent === undefined
    ? 'no control group is delegated to this user (systemd delegates one in user sessions)'
    : groupsOfV2(v2.mount, parent, rootless);
};

/** Where v2 is mounted next to v1, a mixture that some runtimes refuse to start with. */
export const v2BesideV1 = (): string | undefined => {
  const hierarchies = mountedHierarchies();
  const mixed = hierarchies.some((one) => one.version === 1);
  return mixed ? hierarchies.find((one) => one.version === 2)?.mount : undefined;
};

const CONTROLLERS: readonly Controller[] = ['memory', 'cpu', 'pids'];
const isController = (name: string): name is Controller => (CONTROLLERS as readonly string[]).includes(name);

const mountedHierarchies = (): Hierarchy[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([, mount = '', type, options = '']) =>
      type === 'cgroup' || type === 'cgroup2'
        ? [{ mount, version: type === 'cgroup' ? 1 : 2, options: options.split(',') } as const]
        : [],
    );

const version1 = (
  all: readonly Hierarchy[],
  v1: readonly Hierarchy[],
  v2: Hierarchy | undefined,
): Cgroups => {
  const mountOf = (controller: string): string | undefined =>
    v1.find((one) => one.options.includes(controller))?.mount;
  const freezer = all.find((one) => one.options.includes('freezer'))?.mount;
  const memory = mountOf('memory');
  const file = async (mount: string | undefined, containerId: string, name: string): Promise<string> =>
    mount === undefined ? '' : counter(join(mount, containerId, name));
  const cpuTime = all.find((one) => one.options.includes('cpuacct'))?.mount;
  // Of the group only; v2 includes its descendants.
  const killsIn = async (group: string): Promise<number> =>
    field(await file(memory, group, 'memory.oom_control'), 'oom_kill');
  const outOfMemoryKills = async (containerId: string): Promise<number> =>
    (await killsIn(containerId)) + (await killsIn(join(containerId, COMMANDS)).catch(none));
  const sockets = memory !== undefined && isPresent(join(memory, SOCKET_LIMIT_V1)) ? 'apart' : 'unlimited';
  const inSockets = async (containerId: string): Promise<number> =>
    sockets === 'apart' ? Number(await file(memory, containerId, 'memory.kmem.tcp.usage_in_bytes')) : 0;
  return {
    layout: v2 === undefined ? 'control groups v1' : 'hybrid control groups (v1 and v2)',
    controllers: new Set(CONTROLLERS.filter((name) => mountOf(name) !== undefined)),
    limitsSwap: memory !== undefined && isPresent(join(memory, 'memory.memsw.limit_in_bytes')),
    canFreeze: freezer !== undefined,
    sockets,
    pathOf: (containerId) => `/${containerId}`,
    usage: async (containerId) => ({
      memoryBytes:
        Number(await file(memory, containerId, 'memory.usage_in_bytes')) + (await inSockets(containerId)),
      cpuSeconds: Number(await file(cpuTime, containerId, 'cpuacct.usage')) / 1e9,
      processes: Number(await file(mountOf('pids'), containerId, 'pids.current')),
      outOfMemoryKills: await outOfMemoryKills(containerId),
    }),
    outOfMemoryKills,
    guestKills: (containerId) => killsIn(containerId).catch(none),
    ...freezing(
      (containerId) => join(freezer ?? '', containerId),
      (folder, frozen) => freezeAll(freezeV1, folder, frozen),
      (folder) => interruptAll(freezeV1, freezerStateV1, folder),
    ),
    members: (containerId) => allMembersOf(join(freezer ?? memory ?? '', containerId)),
    remove: (containerId) => removeAll(all.map((one) => join(one.mount, containerId))),
    commands: freezer === undefined ? undefined : commandGroups(placesOfV1(freezer, memory), freezeV1),
    keepMemory: (containerId, memoryBytes) => keepMemoryV1(join(memory ?? '', containerId), memoryBytes),
  };
};

/** A sandbox's memory limit minus its socket buffers. */
export const memoryOfPages = (memoryBytes: number, cgroups: Cgroups | undefined): number =>
  cgroups?.sockets === 'apart' ? memoryBytes - memoryOfSockets(memoryBytes) : memoryBytes;

const placesOfV1 = (freezer: string, memory: string | undefined): CommandPlaces => ({
  top: freezer,
  guest: (containerId) => join(freezer, containerId),
  commands: (containerId) => join(freezer, containerId),
  counted: (containerId) => {
    const folder = join(memory ?? '', containerId, COMMANDS);
    return memory !== undefined && isPresent(folder) ? { folder, top: memory } : undefined;
  },
});

/** The group does not exist. */
const none = ifMissing(0);

/**
 * Synchronous: the kernel answers from memory in 20 µs. Through the thread pool, the eight counters read around every
 * command took as long as the command.
 */
const counter = (path: string): string => readFileSync(path, 'utf8');

/**
 * Groups below `parent` of a v2 tree. For root they are below the root group, which may have processes of its own and
 * on which the runtime enables the controllers; an ordinary user has those delegated by its parent group.
 */
export const groupsOfV2 = (mount: string, parent: string, rootless: boolean): Cgroups => {
  const folder = join(mount, parent);
  const given = readFileSync(
    join(folder, rootless ? 'cgroup.subtree_control' : 'cgroup.controllers'),
    'utf8',
  );
  const controllers = new Set(given.trim().split(/\s+/).filter(isController));
  const file = async (containerId: string, name: string): Promise<string> =>
    counter(join(folder, containerId, name));
  // Without the controller, the group lacks this file.
  const of = async (controller: Controller, containerId: string, name: string): Promise<string> =>
    controllers.has(controller) ? await file(containerId, name) : '';
  const outOfMemoryKills = async (containerId: string): Promise<number> =>
    field(await of('memory', containerId, 'memory.events'), 'oom_kill');
  const places = placesOfV2(folder);
  return {
    layout: 'control groups v2',
    controllers,
    sockets: 'in memory',
    limitsSwap: readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1,
    canFreeze: true,
    pathOf: (containerId) => join(parent, containerId),
    usage: async (containerId) => ({
      memoryBytes: Number(await of('memory', containerId, 'memory.current')),
      cpuSeconds: field(await file(containerId, 'cpu.stat'), 'usage_usec') / 1e6,
      processes: Number(await of('pids', containerId, 'pids.current')),
      outOfMemoryKills: await outOfMemoryKills(containerId),
    }),
    outOfMemoryKills,
    guestKills: (containerId) => outOfMemoryKills(relative(folder, places.guest(containerId))).catch(none),
    ...freezing(
      (containerId) => join(folder, containerId),
      (group, frozen) => freezeAll(freezeV2, group, frozen),
      (group) => interruptAll(freezeV2, freezerStateV2, group),
    ),
    members: (containerId) => allMembersOf(join(folder, containerId)),
    remove: (containerId) => removeAll([join(folder, containerId)]),
    commands: commandGroups(places, freezeV2),
    keepMemory: (containerId, memoryBytes) => keepMemoryV2(join(folder, containerId), memoryBytes),
  };
};

const placesOfV2 = (top: string): CommandPlaces => {
  /** Before that, and where memory is not limited, all are in the container's own group. */
  const below = (containerId: string, name: string): string => {
    const folder = join(top, containerId, name);
    return isPresent(folder) ? folder : dirname(folder);
  };
  return {
    top,
    guest: (containerId) => below(containerId, GUEST),
    commands: (containerId) => below(containerId, COMMANDS),
    counted: () => undefined,
  };
};

/** One at a time per container: an interruption must not thaw what is being paused. */
const freezing = (
  folderOf: (containerId: string) => string,
  freeze: Freeze,
  interrupt: (folder: string) => Promise<boolean>,
): Pick<Cgroups, 'freeze' | 'interrupt'> => {
  const inTurn = createKeyedLock();
  return {
    freeze: (containerId, frozen) => inTurn(containerId, () => freeze(folderOf(containerId), frozen)),
    interrupt: (containerId) => inTurn(containerId, () => interrupt(folderOf(containerId))),
  };
};

const freezeAll = (freeze: Freeze, folder: string, frozen: boolean): Promise<void> =>
  frozen ? freeze(folder, true) : thawAll(freeze, folder);

/** The parent of our own group, when it is delegated to us with controllers. */
const delegatedParent = (mount: string): string | undefined => {
  const own = /^0::(.+)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const parent = dirname(own);
  try {
    accessSync(join(mount, parent), constants.W_OK);
    accessSync(join(mount, parent, 'cgroup.procs'), constants.W_OK);
    return parent;
  } catch {
    return undefined;
  }
};
