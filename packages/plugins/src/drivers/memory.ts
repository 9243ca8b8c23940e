/**
 * The smallest possible driver: machines within this process, with scripted faults for demos and simulations. State
 * is keyed by the driver's folder: reopening it finds the machines, as after a restart.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '@berth/contract';
import {
  type Driver,
  type DriverHost,
  defineDriver,
  type KeptOfDisk,
  type Liveness,
  type Machine,
  type MachineSpec,
  type Snapshots,
} from '@berth/plugin-api';
import { createFakeGuest, type FakeGuest } from '@berth/plugin-api/fakes/guest';
import { z } from 'zod';

const config = z.strictObject({
  bootMs: z.int().min(0).max(600_000).default(0).describe('How long a machine takes to start.'),
  failCreates: z
    .int()
    .min(0)
    .default(0)
    .describe('How many times `create` fails before it succeeds, leaving a half-created machine each time.'),
  failDestroys: z.int().min(0).default(0).describe('How many times `destroy` fails before it succeeds.'),
  hang: z.boolean().default(false).describe('`create` never finishes by itself.'),
});

interface Kept {
  readonly installation: string;
  readonly files: Map<string, string>;
  /** Absent while half-created. */
  guest?: FakeGuest;
  readonly since: number;
  died?: number;
}

interface MemoryMachines {
  readonly machines: Map<string, Kept>;
  /** Name → path → content, or null where a path was removed. */
  readonly layers: Map<string, ReadonlyMap<string, string | null>>;
  readonly origins: Map<string, ReadonlyMap<string, string>>;
  failedCreates: number;
  failedDestroys: number;
}

const worlds = new Map<string, MemoryMachines>();
const ROOT = '/workspace';
const HOME = '/home/agent';

export default defineDriver({
  name: 'memory',
  isolation: 'none',
  config,
  open: (script, host) => openMemory(script, host),
});

const openMemory = (script: z.infer<typeof config>, host: DriverHost): Driver => {
  const world = worldOf(host.folder);
  const own = (id: string): Kept | undefined => {
    const kept = world.machines.get(id);
    return kept?.installation === host.installation ? kept : undefined;
  };
  const living = (id: string): FakeGuest | undefined => {
    const kept = own(id);
    return kept?.died === undefined ? kept?.guest : undefined;
  };
  return {
    probe: async () => ({ health: 'ready', detail: 'machines in memory, for tests and demos' }),
    create: async (spec, signal) => {
      signal.throwIfAborted();
      if (living(spec.id) !== undefined) return machineOf(spec.id);
      const files = startingFiles(spec, world);
      const kept: Kept = { installation: host.installation, files, since: Date.now() };
      world.machines.set(spec.id, kept);
      world.origins.set(spec.id, new Map(files));
      if (script.hang) await never(signal);
      await sleep(script.bootMs, undefined, { signal });
      if (world.failedCreates++ < script.failCreates) throw scripted('create');
      await addTools(spec, files);
      kept.guest ??= createFakeGuest({ id: spec.id, root: ROOT, home: HOME, env: spec.env, files });
      return machineOf(spec.id);
    },
    connect: async (id) => {
      const guest = living(id);
      if (guest !== undefined) return guest.connect();
      throw fail('sandbox.unreachable', { id, detail: 'there is no such machine' });
    },
    attach: async (id) => (living(id) === undefined ? undefined : machineOf(id)),
    destroy: async (id) => {
      if (own(id) !== undefined && world.failedDestroys++ < script.failDestroys) throw scripted('destroy');
      own(id)?.guest?.stop();
      if (own(id) !== undefined) world.machines.delete(id);
    },
    inspect: async (id) => livenessOf(own(id)),
    async *list() {
      for (const id of [...world.machines.keys()]) if (own(id) !== undefined) yield { id };
    },
    facets: { snapshots: snapshotsOf(world) },
  };
};

const livenessOf = (kept: Kept | undefined): Liveness => {
  if (kept === undefined) return { state: 'absent' };
  if (kept.died !== undefined) return { state: 'dead', reason: 'it was killed', since: kept.died };
  return kept.guest === undefined ? { state: 'unfinished' } : { state: 'running', since: kept.since };
};

/** Simulates the processes of a machine being killed from outside. */
export const killMachine = (folder: string, id: string): void => {
  const kept = worldOf(folder).machines.get(id);
  kept?.guest?.stop();
  if (kept !== undefined) kept.died = Date.now();
};

const worldOf = (folder: string): MemoryMachines => {
  const known = worlds.get(folder);
  if (known !== undefined) return known;
  const world: MemoryMachines = {
    machines: new Map(),
    layers: new Map(),
    origins: new Map(),
    failedCreates: 0,
    failedDestroys: 0,
  };
  worlds.set(folder, world);
  return world;
};

const scripted = (act: string) =>
  fail('driver.failed', { driver: 'memory', act, detail: 'its configuration says so' });

const machineOf = (id: string): Machine => ({
  ...{ id, root: ROOT, home: HOME, internalUrl: 'http://berth.internal' },
  unenforced: (['memory', 'cpu', 'pids', 'disk', 'containment', 'verdict'] as const).map((kind) => ({
    kind,
    reason: 'nothing runs in a machine of this driver',
  })),
  toolPath: (target) => target,
});

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

const startingFiles = (spec: MachineSpec, world: MemoryMachines): Map<string, string> => {
  const files = new Map<string, string>();
  for (const name of spec.layers) {
    const layer = world.layers.get(name);
    if (layer === undefined)
      throw fail('driver.failed', { driver: 'memory', act: 'create', detail: `there is no layer ${name}` });
    for (const [path, content] of layer) content === null ? files.delete(path) : files.set(path, content);
  }
  return files;
};

const addTools = async (spec: MachineSpec, files: Map<string, string>): Promise<void> => {
  for (const { source, target } of spec.tools) {
    if ((await stat(source)).isFile()) {
      files.set(target, await readFile(source, 'utf8'));
      continue;
    }
    for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) files.set(`${target}${path.slice(source.length)}`, await readFile(path, 'utf8'));
    }
  }
};

const isKept = (path: string, kept: KeptOfDisk | undefined): boolean => {
  if (kept === undefined) return true;
  const isAmong = (folder: string, paths: readonly string[]): boolean =>
    paths.some((one) => path === `${folder}/${one}` || path.startsWith(`${folder}/${one}/`));
  if (isAmong(HOME, kept.home)) return true;
  return isAmong(ROOT, kept.root) && !isAmong(ROOT, kept.without) && !/\/\.git(?:\/|$)/.test(path);
};

const snapshotsOf = (world: MemoryMachines): Snapshots => ({
  take: async (id, kept) => {
    const files = world.machines.get(id)?.files;
    if (files === undefined) throw fail('sandbox.unreachable', { id, detail: 'there is no such machine' });
    const origin = world.origins.get(id) ?? new Map<string, string>();
    const changed = [...files].filter(
      ([path, text]) => !path.startsWith('/opt/') && origin.get(path) !== text && isKept(path, kept),
    );
    const removed = [...origin.keys()]
      .filter((path) => !files.has(path))
      .map((path) => [path, null] as const);
    const entries = [...changed, ...removed].sort(([one], [two]) => (one < two ? -1 : 1));
    const content = JSON.stringify(entries);
    const layer = createHash('sha256').update(content).digest('hex');
    world.layers.set(layer, new Map(entries));
    return { layer, sizeBytes: content.length };
  },
  async *list() {
    for (const [layer, entries] of world.layers)
      yield { layer, sizeBytes: JSON.stringify([...entries]).length };
  },
  drop: async (layer) => {
    world.layers.delete(layer);
  },
});
