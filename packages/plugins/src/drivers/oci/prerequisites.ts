/** The driver's prerequisites, determined once per process and again after a failure. */
import { fail } from '@berth/contract';
import type { DriverHost } from '@berth/plugin-api';
import { createConcurrencyLimit } from '../../linux/concurrency-limit.ts';
import { type Cgroups, detectCgroups, v2BesideV1 } from './cgroups/cgroups.ts';
import { shareKernelLimits } from './cgroups/kernel-limits.ts';
import { areThere, type Folders, foldersOf, makeFolders } from './folders.ts';
import { type Identity, identify } from './identity.ts';
import { type Base, isThere, prepareBase } from './rootfs/base.ts';
import { measure } from './rootfs/disk-usage.ts';
import { createTrash } from './rootfs/trash.ts';
import type { BundleHost } from './runtime/bundle.ts';
import { type End, endContainer } from './runtime/container.ts';
import { chooseEngine, type RuntimeName } from './runtime/engines.ts';
import { type IsolatedScript, runIsolated, type ScriptResult } from './runtime/isolated-script.ts';
import { createLauncher, type Engine, type Launcher } from './runtime/launch.ts';
import { versionOf } from './runtime/versions.ts';

export interface Ready {
  readonly base: Base;
  readonly engine: Engine;
  readonly world: BundleHost;
  readonly launcher: Launcher;
  /** Notes on the machine for the operator. */
  readonly notes: readonly string[];
  readonly runIsolated: (script: IsolatedScript) => Promise<ScriptResult>;
}

export interface Prerequisites {
  readonly folders: Folders;
  readonly identity: Identity;
  readonly cgroups: Cgroups | undefined;
  /** Why there are none; empty when there are some. */
  readonly cgroupsAbsent: string;
  /** Rejects with `driver.absent`. */
  ready(): Promise<Ready>;
  /** Kills a container with everything in it. */
  end: (container: Pick<End, 'containerId' | 'folder' | 'marks' | 'search'>) => Promise<void>;
  /** Moves a folder away and deletes it, whoever owns its contents. Succeeds when it does not exist. */
  discard(path: string): Promise<void>;
  /** Moves an unusable folder aside, for the operator to inspect. */
  setAside(path: string, reason: unknown): Promise<void>;
  /** Notes for the operator on the machine and on what was moved aside. */
  notes(): Promise<readonly string[]>;
  /** Ends the persistent processes. Can be used again. */
  close(): Promise<void>;
}

export interface PrerequisiteOptions {
  readonly folder: string;
  readonly installation: string;
  readonly runtimes: readonly RuntimeName[];
  readonly idBase: number;
  readonly log: DriverHost['log'];
}

/** Each with the limits of a sandbox; the others wait in FIFO order. */
const MAX_SCRIPTS = 4;

/** Where disks cannot be measured, disk limits cannot be enforced. */
const assertMeasures = async (folder: string, surround: readonly string[]): Promise<void> => {
  const few = { bytes: Number.POSITIVE_INFINITY, inodes: 10 };
  await measure(folder, few, surround).catch((error: unknown) => {
    const detail = error instanceof Error ? error.message : String(error);
    throw fail('driver.absent', { driver: 'oci', detail }, { cause: error });
  });
};

export const createPrerequisites = (options: PrerequisiteOptions): Prerequisites => {
  const folders = foldersOf(options.folder);
  const identity = identify(options.idBase);
  const { rootless, asOwner, single } = identity;
  const detected = detectCgroups(rootless);
  const cgroups = typeof detected === 'string' ? undefined : detected;
  const end: Prerequisites['end'] = (container) =>
    endContainer({ ...container, state: folders.state, cgroups });
  const trash = createTrash({ folders, asOwner, ...options });
  const inTurn = createConcurrencyLimit(MAX_SCRIPTS);
  const repairFolders = async (): Promise<void> => {
    for (const place of await makeFolders(folders))
      options.log('error', 'something was in the place of a folder of the driver and was moved aside', {
        place,
      });
  };
  let opened: Launcher | undefined;
  const close = async (): Promise<void> => opened?.close();
  const prepare = async (): Promise<Ready> => {
    await repairFolders();
    const beside = v2BesideV1();
    const launcher = createLauncher(folders, identity, beside, options.log);
    opened = launcher;
    const base = await prepareBase(folders, identity, trash.setAside);
    await assertMeasures(base.rootfs, asOwner);
    const { inotify, openFiles, notes } = shareKernelLimits(rootless);
    for (const note of notes) options.log('warn', `kernel limit: ${note}`);
    const world: BundleHost = { identity, cgroups, inotify, openFiles, compiledSeccomp: undefined };
    const tools = { folders, base, launcher, cgroups, world, installation: options.installation };
    const chosen = await chooseEngine(options.runtimes, {
      ...tools,
      besideV1: beside !== undefined,
      versionOf,
    });
    if ('absent' in chosen) throw fail('driver.absent', { driver: 'oci', detail: chosen.absent });
    const { engine, compiledSeccomp, note } = chosen;
    const proven: BundleHost = { ...world, compiledSeccomp };
    return {
      base,
      engine,
      world: proven,
      launcher,
      notes: [note, ...notes, ...(single === undefined ? [] : [single])],
      runIsolated: (script) => inTurn(() => runIsolated(script, { ...tools, world: proven, engine })),
    };
  };
  const preparation = createPreparation({
    sweep: () => trash.sweep(end),
    prepare,
    close,
    isWhole: ({ base }) => areThere(folders) && isThere(base),
    onGone: () => reportGone(options.log, folders.root),
  });
  return {
    folders,
    identity,
    cgroups,
    cgroupsAbsent: typeof detected === 'string' ? detected : '',
    ready: preparation.ready,
    end,
    discard: async (path) => {
      if (!areThere(folders)) await repairFolders();
      await trash.discard(path);
    },
    setAside: trash.setAside,
    notes: async () => [...(await preparation.notes()), ...(await trash.notes())],
    close,
  };
};

/** For as long as this server lives, the operator is told of damage that was made good. */
const reportGone = (log: DriverHost['log'], root: string): string => {
  log('warn', 'folders of the driver are missing or empty, and are recreated');
  return `something removes files below ${root} (last seen ${new Date().toISOString()}): keep cleaners away from it`;
};

interface Preparing {
  readonly sweep: () => Promise<void>;
  readonly prepare: () => Promise<Ready>;
  readonly close: () => Promise<void>;
  readonly isWhole: (found: Ready) => boolean;
  /** Part of it was removed under a running server. Returns a note about that. */
  readonly onGone: () => string;
}

/** Once, and again after a failure or when part of it is missing: the first caller does it, the others wait. */
const createPreparation = ({ sweep, prepare, close, isWhole, onGone }: Preparing) => {
  let prepared: Promise<Ready> | undefined;
  let damage: readonly string[] = [];
  const begin = (first: () => Promise<void>): Promise<Ready> => {
    const begun = first()
      .then(prepare)
      .catch(async (error: unknown) => {
        if (prepared === begun) prepared = undefined;
        await close();
        throw error;
      });
    return begun;
  };
  return {
    ready: async (): Promise<Ready> => {
      prepared ??= begin(sweep);
      const found = prepared;
      if (isWhole(await found)) return await found;
      if (prepared === found) {
        damage = [onGone()];
        prepared = begin(close);
      }
      return await (prepared ?? found);
    },
    notes: async (): Promise<readonly string[]> => [
      ...((await prepared?.catch(() => undefined))?.notes ?? []),
      ...damage,
    ],
  };
};
