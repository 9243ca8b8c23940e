/**
 * Sandboxes run by an OCI runtime, for root and rootless, with nothing mounted on the host.
 *
 * Everything about a sandbox is in one folder below the driver's own: its disk, the guest's socket, the claim that
 * marks it as ours, and, once its guest answers, the record that later servers find it by. A folder without a record
 * is a sandbox whose creation crashed: it is removed before it is created again. Removal kills the processes, lets
 * the kernel drop the namespaces with their mounts, and moves the folder away before deleting it.
 */
import { join } from 'node:path';
import { fail, isBerthError } from '@berth/contract';
import type {
  Driver,
  DriverFacets,
  DriverHost,
  Liveness,
  Machine,
  MachineSpec,
  Probe,
  Unenforced,
} from '@berth/plugin-api';
import { createKeyedLock } from '@berth/plugin-api';
import { connectGuest } from '../../linux/guest-socket.ts';
import { exists } from '../../linux/missing.ts';
import { guestReady } from '../../linux/ready.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import type { CommandGroups } from './cgroups/command-groups.ts';
import { containerIdOf, makeThrough } from './folders.ts';
import { createImages, type Images } from './images/images.ts';
import { createLivenessReader, describeLiveness } from './liveness.ts';
import { createPrerequisites, type Prerequisites } from './prerequisites.ts';
import { claims, MACHINE_ID, readRecord, writeClaim, writeRecord } from './record.ts';
import type { DiskSize } from './rootfs/disk-usage.ts';
import { unseenHeld } from './rootfs/nameless.ts';
import { createSnapshots, LAYER_NAME } from './rootfs/snapshots.ts';
import { type WatchedDisks, watchDisks } from './rootfs/watched-disks.ts';
import { forgeableVerdict, unenforcedOf } from './runtime/bundle.ts';
import { openLog, startContainer, tailOf } from './runtime/container.ts';
import type { RuntimeName } from './runtime/engines.ts';
import {
  containerOf,
  HOME,
  INTERNAL_URL,
  limitsOf,
  makeDisks,
  ROOT,
  RUN_FOLDER,
  SOCKET_NAME,
} from './sandbox.ts';

export interface OciConfig {
  /** Use only this runtime. Default: crun, else runc. */
  readonly runtime?: RuntimeName | undefined;
  readonly idBase: number;
  readonly bootTimeoutMs: number;
  readonly unusedImagesKeptMs: number;
  readonly reservedBytes: number;
  readonly reservedInodes: number;
  readonly layerBytes: number;
  readonly layerInodes: number;
}

export const openOci = (config: OciConfig, host: DriverHost): Driver => {
  const prerequisites = createPrerequisites({
    folder: host.folder,
    installation: host.installation,
    runtimes: config.runtime === undefined ? ['crun', 'runc'] : [config.runtime],
    idBase: config.idBase,
    log: host.log,
  });
  const { folders, cgroups } = prerequisites;
  const images = createImages({ ...prerequisites, unusedKeptMs: config.unusedImagesKeptMs });
  const alone = createKeyedLock();
  const folderOf = (id: string): string => join(folders.sandboxes, id);
  const containerId = (id: string): string => containerIdOf(host.installation, id);

  const most = { bytes: config.layerBytes, inodes: config.layerInodes };
  const reserve = { bytes: config.reservedBytes, inodes: config.reservedInodes };
  const { installation } = host;
  const liveness = createLivenessReader({ installation, folderOf, containerId, cgroups });
  const { inspect } = liveness;
  const disks = watchDisks({ prerequisites, host, reserve, folderOf, containerId, alone, liveness });
  const attach = async (id: string): Promise<Machine | undefined> => {
    disks.start();
    const record = await liveness.running(id);
    return record === undefined ? undefined : machineOf(id, record.unenforced);
  };
  const demolish = async (id: string): Promise<void> => {
    const record = await readRecord(folderOf(id));
    const marks = record === undefined || record === 'damaged' ? [] : [record.process];
    const search = marks.length === 0;
    await prerequisites.end({ containerId: containerId(id), folder: folderOf(id), marks, search });
    await prerequisites.discard(folderOf(id));
    liveness.forget(id);
    // It does not affect the sandbox, and the next removal retries.
    await images.prune().catch((error: unknown) => {
      host.log('warn', 'an unused image could not be removed', { error: String(error) });
    });
  };
  const make = async (spec: MachineSpec, signal: AbortSignal): Promise<Machine> => {
    checkId(spec.id);
    const running = await attach(spec.id);
    if (running !== undefined) return running;
    if (await exists(folderOf(spec.id))) await demolish(spec.id);
    await disks.assertRoom();
    const { bootTimeoutMs } = config;
    const folder = folderOf(spec.id);
    return await boots({ spec, prerequisites, images, disks, host, folder, signal, bootTimeoutMs });
  };
  return {
    probe: () => probe(prerequisites),
    create: (spec, signal) => alone(spec.id, () => make(spec, signal)),
    connect: async (id) => {
      checkId(id);
      const life = await inspect(id);
      if (life.state !== 'running') throw fail('sandbox.unreachable', { id, detail: describeLiveness(life) });
      return await connectGuest(id, join(folderOf(id), RUN_FOLDER), SOCKET_NAME);
    },
    attach,
    inspect,
    destroy: (id) => alone(id, async () => (MACHINE_ID.test(id) ? await demolish(id) : undefined)),
    list: async function* () {
      for (const { id } of await claims(folders.sandboxes, host.installation)) yield { id };
    },
    close: async () => {
      await disks.close();
      await prerequisites.close();
    },
    facets: {
      snapshots: snapshotsOf({ prerequisites, most, containerId, folderOf, inspect }),
      ...(cgroups === undefined ? {} : heldBy(cgroups, containerId)),
    },
  };
};

const probe = async (prerequisites: Prerequisites): Promise<Probe> => {
  try {
    await prerequisites.ready();
    const { cgroups, cgroupsAbsent } = prerequisites;
    const detail = [...(await prerequisites.notes()), cgroups?.layout ?? notHeld(cgroupsAbsent)];
    const isWhole = cgroups !== undefined && prerequisites.identity.single === undefined;
    return { health: isWhole ? 'ready' : 'degraded', detail: detail.join('; ') };
  } catch (error) {
    return { health: 'absent', detail: error instanceof Error ? error.message : String(error) };
  }
};

const notHeld = (why: string): string =>
  `memory and CPU limits are not enforced, and commands are not contained: ${why}`;

interface Boot {
  readonly spec: MachineSpec;
  readonly prerequisites: Prerequisites;
  readonly images: Images;
  readonly disks: WatchedDisks;
  readonly host: DriverHost;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly bootTimeoutMs: number;
}

const boots = async ({
  spec,
  prerequisites,
  images,
  disks,
  host,
  folder,
  signal,
  bootTimeoutMs,
}: Boot): Promise<Machine> => {
  const { folders, cgroups } = prerequisites;
  const ready = await prerequisites.ready();
  const { base, engine, world, launcher } = ready;
  signal.throwIfAborted();
  await checkLayers(spec, folders.layers);
  using image = spec.image === undefined ? undefined : await images.hold(spec.image);
  // Unpacking an image has no time limit.
  const boot = AbortSignal.any([signal, AbortSignal.timeout(bootTimeoutMs)]);
  const id = containerIdOf(host.installation, spec.id);
  await makeThrough(folder);
  await using log = await openLog(folder);
  try {
    await writeClaim(folder, host.installation, spec.id);
    await makeDisks(folder, world.identity);
    await disks.begin(spec.id);
    const container = containerOf({
      ...{ spec, containerId: id, identity: world.identity, folder, base, image, folders },
      guest: host.guest,
      at: launcher.at,
    });
    const failed = new AbortController();
    const answers = guestReady({
      folder: join(folder, RUN_FOLDER),
      socket: SOCKET_NAME,
      signal: AbortSignal.any([boot, failed.signal]),
    });
    const started = startContainer({ container, world, engine, folder, log, signal: boot }, launcher);
    started.catch((error: unknown) => failed.abort(error));
    await answers;
    const process = await started;
    if (process === undefined) throw new TypeError('the guest exited immediately');
    const unenforced = [
      ...unenforcedOf(limitsOf(spec), cgroups ?? prerequisites.cgroupsAbsent),
      ...forgeableVerdict(world.identity),
      ...(await keepMemory(cgroups, id, spec.limits.memoryBytes)),
      ...(await unseenHeld(process, world.identity, cgroups?.canFreeze === true)),
    ];
    const disk = { bytes: spec.limits.diskBytes, inodes: spec.limits.inodes };
    await writeRecord(folder, { version: 1, process, unenforced, disk, startedAt: Date.now() });
    return machineOf(spec.id, unenforced);
  } catch (error) {
    const said = await tailOf(log);
    await prerequisites.end({ containerId: id, folder, marks: [], search: true });
    await prerequisites.discard(folder);
    signal.throwIfAborted();
    if (isBerthError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const detail = reason.includes(said) ? reason : `${reason}; output of the guest: ${said}`;
    throw fail('driver.failed', { driver: 'oci', act: 'create', detail }, { cause: error });
  }
};

/** A sandbox's report when its commands can use up its guest's memory. */
const keepMemory = async (
  cgroups: Cgroups | undefined,
  containerId: string,
  memoryBytes: number | undefined,
): Promise<Unenforced[]> => {
  if (memoryBytes === undefined || cgroups?.commands === undefined || !cgroups.controllers.has('memory'))
    return [];
  try {
    await cgroups.keepMemory(containerId, memoryBytes);
    return [];
  } catch (error) {
    return [{ kind: 'reserve', reason: `commands can use up the guest's memory: ${String(error)}` }];
  }
};

const machineOf = (id: string, unenforced: readonly Unenforced[]): Machine => ({
  ...{ id, unenforced, root: ROOT, home: HOME, internalUrl: INTERNAL_URL },
  toolPath: (target) => target,
});

const checkId = (id: string): void => {
  if (MACHINE_ID.test(id)) return;
  throw fail('sandbox.unreachable', { id, detail: 'this is not a machine id' });
};

const checkLayers = async (spec: MachineSpec, layers: string): Promise<void> => {
  for (const layer of spec.layers)
    if (!LAYER_NAME.test(layer) || !(await exists(join(layers, layer))))
      throw fail('driver.failed', {
        driver: 'oci',
        act: 'create',
        detail: `there is no layer ${layer} (any more); try again, and it will be rebuilt`,
      });
};

interface SnapshotPlaces {
  readonly prerequisites: Prerequisites;
  readonly most: DiskSize;
  readonly containerId: (id: string) => string;
  readonly folderOf: (id: string) => string;
  readonly inspect: (id: string) => Promise<Liveness>;
}

const snapshotsOf = ({
  prerequisites,
  most,
  containerId,
  folderOf,
  inspect,
}: SnapshotPlaces): DriverFacets['snapshots'] =>
  createSnapshots({
    most,
    folders: prerequisites.folders,
    ready: prerequisites.ready,
    discard: prerequisites.discard,
    diskOf: async (id) => {
      const disk = join(folderOf(id), 'disk');
      if (MACHINE_ID.test(id) && (await exists(disk))) return disk;
      throw fail('sandbox.unreachable', { id, detail: 'there is no such machine' });
    },
    quietly: async (id, act) => {
      const { cgroups } = prerequisites;
      // A dead machine is idle, and its group may be gone.
      if (cgroups?.canFreeze !== true || (await inspect(id)).state !== 'running') return await act();
      await cgroups.freeze(containerId(id), true);
      try {
        return await act();
      } finally {
        await cgroups.freeze(containerId(id), false);
      }
    },
  });

/** Facets that need control groups. */
const heldBy = (
  cgroups: Cgroups,
  containerId: (id: string) => string,
): Pick<DriverFacets, 'limits'> & Partial<Pick<DriverFacets, 'pause' | 'groups'>> => ({
  limits: {
    usage: (id) => cgroups.usage(containerId(id)),
    outOfMemoryKills: (id) => cgroups.outOfMemoryKills(containerId(id)),
  },
  ...(cgroups.commands === undefined ? {} : { groups: groupsOf(cgroups.commands, containerId) }),
  ...(cgroups.canFreeze
    ? {
        pause: {
          pause: (id) => cgroups.freeze(containerId(id), true),
          resume: (id) => cgroups.freeze(containerId(id), false),
        },
      }
    : {}),
});

const groupsOf = (
  commands: CommandGroups,
  containerId: (id: string) => string,
): NonNullable<DriverFacets['groups']> => ({
  enter: (id, group, insidePid) => commands.enter(containerId(id), group, insidePid),
  end: (id, group) => commands.end(containerId(id), group),
});
