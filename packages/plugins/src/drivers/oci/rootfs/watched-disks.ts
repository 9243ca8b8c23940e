/** Connects the disk watch to this driver: lists its machines, measures them and kills them. */
import { fail } from '@berth/contract';
import type { DriverHost } from '@berth/plugin-api';
import type { ProcessMark } from '../../../linux/processes.ts';
import type { Identity } from '../identity.ts';
import type { LivenessReader } from '../liveness.ts';
import type { Prerequisites } from '../prerequisites.ts';
import { claims, writeRecord } from '../record.ts';
import { isBlockedWithFiles } from './blocked-calls.ts';
import type { Watched } from './disk-sizes.ts';
import { type DiskSize, difference, exceeds, fileSystemOf, measure, NOTHING, sum } from './disk-usage.ts';
import { createDiskWatch, type DiskWatch } from './disk-watch.ts';
import { measureNameless, writtenBy } from './nameless.ts';

export interface WatchedDisksOptions {
  readonly prerequisites: Prerequisites;
  readonly host: DriverHost;
  readonly reserve: DiskSize;
  readonly folderOf: (id: string) => string;
  readonly containerId: (id: string) => string;
  /** Prevents concurrent creation or removal of a machine. */
  readonly alone: (id: string, act: () => Promise<void>) => Promise<void>;
  readonly liveness: LivenessReader;
}

export interface WatchedDisks extends DiskWatch {
  /** Rejects with `disk.full`, which names what is scarce. */
  assertRoom(): Promise<void>;
}

export const watchDisks = (options: WatchedDisksOptions): WatchedDisks => {
  const { prerequisites, host, folderOf, containerId, alone, liveness } = options;
  const { folders, identity } = prerequisites;
  const machines = async (): Promise<Watched[]> => {
    const found: Watched[] = [];
    for (const { id, problem } of await claims(folders.sandboxes, host.installation)) {
      if (problem !== undefined) continue;
      const record = await liveness.running(id).catch((error: unknown) => {
        // One that cannot be looked at does not hide the others, and is looked at again.
        host.log('debug', 'a sandbox could not be checked', { id, error: String(error) });
        return undefined;
      });
      if (record === undefined) continue;
      const { bytes = Number.POSITIVE_INFINITY, inodes = Number.POSITIVE_INFINITY } = record.disk ?? {};
      found.push({ id, most: { bytes, inodes } });
    }
    return found;
  };
  /**
   * Freeze immediately, so that nothing more is written while the kill waits for its turn. What cannot be frozen is
   * killed all the same.
   */
  const stop = async (id: string, isStopped: boolean): Promise<void> => {
    if (prerequisites.cgroups?.canFreeze !== true) return;
    await prerequisites.cgroups.freeze(containerId(id), isStopped).catch((error: unknown) => {
      host.log('debug', 'a sandbox could not be frozen or thawed', { id, error: String(error) });
    });
  };
  /** Where nothing can be frozen, `unenforced` says so. */
  const release = async (id: string): Promise<void> => {
    if (prerequisites.cgroups?.canFreeze !== true) return;
    if (!(await prerequisites.cgroups.interrupt(containerId(id)))) throw notReleased(id);
  };
  const end = async (id: string, reason: string): Promise<void> => {
    const record = await liveness.running(id);
    if (record === undefined) return;
    host.log('warn', 'a sandbox was killed', { id, reason });
    await writeRecord(folderOf(id), { ...record, ended: reason, endedAt: Date.now() });
    const container = { containerId: containerId(id), folder: folderOf(id) };
    await prerequisites.end({ ...container, marks: [record.process], search: false });
  };
  const watch = createDiskWatch({
    fileSystem: () => fileSystemOf(folders.root),
    reserve: options.reserve,
    machines,
    measure: async (id, most) => {
      const first = (await liveness.running(id))?.process;
      return await measureAll({ folder: folderOf(id), first, identity, release: () => release(id) }, most);
    },
    release,
    written: async (id) => {
      const record = await liveness.running(id);
      return record === undefined ? 0 : await writtenBy(record.process);
    },
    end: async (id, reason) => {
      await stop(id, true);
      try {
        await alone(id, () => end(id, reason));
      } finally {
        await stop(id, false);
      }
    },
    log: (message, facts) => host.log('warn', message, facts),
    now: () => performance.now(),
  });
  return {
    ...watch,
    assertRoom: async () => {
      const detail = await watch.scarcity();
      if (detail !== undefined) throw fail('disk.full', { path: folders.root, detail });
    },
  };
};

interface Measuring {
  readonly folder: string;
  /** Absent when it has exited. */
  readonly first: ProcessMark | undefined;
  readonly identity: Identity;
  readonly release: () => Promise<void>;
}

/**
 * The whole folder and not only its disks: the guest's files and output count, too. Unlinked files first: a file
 * unlinked in between is missed once, where the other order would count a replaced file twice.
 */
const measureAll = async (
  { folder, first, identity, release }: Measuring,
  most: DiskSize,
): Promise<DiskSize> => {
  if (first !== undefined && (await isBlockedWithFiles(first))) await release();
  const held = first === undefined ? NOTHING : await measureNameless({ folder, first, identity }, most);
  if (exceeds(held, most)) return held;
  return sum(held, await measure(folder, difference(most, held), identity.asOwner));
};

const notReleased = (id: string): Error =>
  fail('driver.failed', {
    driver: 'oci',
    act: 'measure',
    detail: `${id} cannot be frozen, and files that only its system calls hold cannot be seen`,
  });
