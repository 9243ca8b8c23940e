/** One container's life cycle: started, and killed with everything it started, also when half-created. */
import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '@berth/contract';
import {
  CLEAN_LOOKS,
  gone,
  isAlive,
  kill,
  markOf,
  type ProcessMark,
  processesNaming,
} from '../../../linux/processes.ts';
import type { Cgroups } from '../cgroups/cgroups.ts';
import { ignoreMissing } from '../cgroups/group.ts';
import { type BundleHost, bundleOf, type Container } from './bundle.ts';
import type { Engine, Launcher } from './launch.ts';

export interface Start {
  readonly container: Container;
  readonly world: BundleHost;
  readonly engine: Engine;
  /** The container's own folder, with config.json, pid and log. */
  readonly folder: string;
  /** The log of the runtime and then the inside; runtimes may chown its file to the user inside. */
  readonly log: FileHandle;
  readonly signal: AbortSignal;
}

const LOG_FILE = 'log';
const PID_FILE = 'pid';
const CONFIG_FILE = 'config.json';
const END_DEADLINE_MS = 20_000;
const BUSY_PAUSE_MS = 2;
const TAIL_BYTES = 4_000;

/** Resolves when the runtime has started the process inside; rejects with the runtime's output. */
export const startContainer = async (
  { container, world, engine, folder, log, signal }: Start,
  launcher: Launcher,
): Promise<ProcessMark | undefined> => {
  await writeFile(join(folder, CONFIG_FILE), JSON.stringify(bundleOf(container, world)));
  const pidFile = join(folder, PID_FILE);
  const options = ['--detach', '--bundle', launcher.at(folder), '--pid-file', pidFile];
  const args = ['run', ...options, container.id];
  const code = await launcher.run(engine, { args, log: join(folder, LOG_FILE) }, signal);
  if (code !== 0) throw new RuntimeRefusal(engine.name, code, await tailOf(log));
  return await markOf(Number(await readFile(pidFile, 'utf8')));
};

export interface End {
  readonly containerId: string;
  /** Its own, as at start. */
  readonly folder: string;
  readonly state: string;
  readonly cgroups: Cgroups | undefined;
  readonly marks: readonly ProcessMark[];
  /** Also finds what a server that crashed during a start left running. */
  readonly search: boolean;
}

/**
 * Kills every process, removes the runtime's record and the control groups. Succeeds when there is nothing; rejects
 * with `driver.failed` when something is left at the deadline, so that the caller retries.
 *
 * A runtime may be starting concurrently. Without its configuration it can start nothing; one that has read it is a
 * process that names the container or is in its groups. So the configuration is removed first, and then processes are
 * searched and killed until none is found and the groups, which the kernel keeps while they have members, are gone.
 */
export const endContainer = async (end: End): Promise<void> => {
  const { containerId, folder, state, cgroups } = end;
  await rm(join(folder, CONFIG_FILE), { force: true }).catch(ignoreNoFolder);
  const deadline = performance.now() + END_DEADLINE_MS;
  const enough = end.search ? CLEAN_LOOKS : 1;
  for (let clean = 0; clean < enough || (await cgroups?.remove(containerId)) === false; ) {
    const found = await look(end);
    clean = found.length === 0 ? clean + 1 : 0;
    const foreign = found.filter(({ pid }) => !kill(pid));
    // A frozen process (v1) dies only when thawed.
    if (found.length > 0) await cgroups?.freeze(containerId, false).catch(ignoreMissing);
    const left = Math.max(0, deadline - performance.now());
    // Do not wait for another user's process: it ends when its owner ends it, and the next removal succeeds.
    if (foreign.length > 0) throw stillThere(containerId, foreign);
    if (!(await gone(found, left)) || left === 0) throw stillThere(containerId, found);
    if (clean >= enough) await sleep(BUSY_PAUSE_MS);
  }
  await rm(join(state, containerId), { recursive: true, force: true });
};

/** Something else is in the place of its folder: nothing to read. */
const ignoreNoFolder = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ENOTDIR') throw error;
};

const look = async ({ containerId, cgroups, marks, search }: End): Promise<ProcessMark[]> => {
  const alive = await Promise.all(marks.map(async (mark) => ((await isAlive(mark)) ? mark : undefined)));
  const members = await Promise.all(((await cgroups?.members(containerId)) ?? []).map(markOf));
  const naming = search ? await processesNaming(containerId) : [];
  return [...alive, ...members, ...naming].filter((mark) => mark !== undefined);
};

const stillThere = (containerId: string, found: readonly ProcessMark[]): Error => {
  const pids = found.map(({ pid }) => pid).join(', ');
  const detail = `${containerId} still exists: ${pids === '' ? 'its control groups are busy' : `processes ${pids}`}`;
  return fail('driver.failed', { driver: 'oci', act: 'destroy', detail });
};

/** The runtime's output when it failed to start a container. */
class RuntimeRefusal extends Error {
  constructor(runtime: string, code: number, said: string) {
    super(`${runtime} exited with ${code}: ${said === '' ? 'no output' : said}`);
  }
}

/** The tail of the log of the runtime and then the inside; the inside controls the length of the file. */
export const tailOf = async (log: FileHandle): Promise<string> => {
  const { size } = await log.stat();
  const start = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await log.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
  return buffer.toString('utf8', 0, bytesRead).trim();
};

export const openLog = (folder: string): Promise<FileHandle> => open(join(folder, LOG_FILE), 'a+', 0o600);
