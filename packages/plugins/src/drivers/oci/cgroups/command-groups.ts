/**
 * Groups for commands, below a container's group: in the tree of v2, or with v1 in the freezer's alone, since a group
 * here serves to find and kill. Limits are counted at the container, and memory also for all commands together (see
 * command-memory.ts). Freezing a container freezes all of them.
 *
 * A group is named after the caller's name for it, so nothing has to be remembered, and the next server finds what a
 * crashed server left.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '@berth/contract';
import { ifMissing } from '../../../linux/missing.ts';
import { isAlive, kill, markOf, type ProcessMark } from '../../../linux/processes.ts';
import { EXEC_PREFIX, type Freeze, ignoreMissing, membersOf, removeGroup } from './group.ts';

const END_DEADLINE_MS = 10_000;

export interface CommandGroups {
  enter(containerId: string, group: string, insidePid: number): Promise<void>;
  end(containerId: string, group: string): Promise<void>;
}

export interface CommandPlaces {
  /** The group that belongs to no command. */
  readonly top: string;
  /** The group of the guest and its new children. */
  guest(containerId: string): string;
  /** The parent of the groups of single commands. */
  commands(containerId: string): string;
  /** Where commands are counted together, when that is in another tree and the group exists. */
  counted(containerId: string): Entered | undefined;
}

/** A group to enter, and the top of its tree. */
interface Entered {
  readonly folder: string;
  readonly top: string;
}

export const commandGroups = (places: CommandPlaces, freeze: Freeze): CommandGroups => {
  const folderOf = (containerId: string, group: string): string => {
    const name = `${EXEC_PREFIX}${createHash('sha256').update(group).digest('hex').slice(0, 24)}`;
    return join(places.commands(containerId), name);
  };
  return {
    enter: async (containerId, group, insidePid) => {
      const folder = folderOf(containerId, group);
      await mkdir(folder).catch(mustExist);
      if ((await findInside(folder, insidePid)) !== undefined) return;
      try {
        const counted = places.counted(containerId);
        // Last, the one that marks it as entered.
        const to = [...(counted === undefined ? [] : [counted]), { folder, top: places.top }];
        await move(places.guest(containerId), to, insidePid);
      } catch (error) {
        await removeGroup(folder);
        throw error;
      }
    },
    end: async (containerId, group) => {
      const folder = folderOf(containerId, group);
      const deadline = performance.now() + END_DEADLINE_MS;
      for (let pauseMs = 1; !(await removeGroup(folder)); pauseMs = Math.min(pauseMs * 2, 50)) {
        if (performance.now() > deadline) throw refused('end', `${folder} has members that cannot be killed`);
        await killAll(folder, freeze).catch(ignoreMissing);
        await sleep(pauseMs);
      }
    },
  };
};

/** Only from the guest's group: neither another's process, nor one that another command may claim. */
const move = async (from: string, to: readonly Entered[], insidePid: number): Promise<void> => {
  const found = await findInside(from, insidePid);
  if (found === undefined) throw refused('enter', `no process ${insidePid} is in the sandbox's own group`);
  for (const { folder } of to)
    await writeFile(join(folder, 'cgroup.procs'), String(found.pid)).catch(ignoreEnded);
  if (await isAlive(found)) return await sacrifice(found.pid);
  // The pid was reused by another process. Its former group is unknown; the top group belongs to no command.
  for (const { folder, top } of to)
    if ((await membersOf(folder)).includes(found.pid) && (await markOf(found.pid)) !== undefined)
      await writeFile(join(top, 'cgroup.procs'), String(found.pid));
  throw refused('enter', `process ${insidePid} exited meanwhile`);
};

/**
 * OOM-killed before the guest. The guest sets this for all its children; set by root of the machine, no command can
 * lower it. For an ordinary user the file is not writable.
 */
const sacrifice = async (pid: number): Promise<void> => {
  await writeFile(`/proc/${pid}/oom_score_adj`, '1000').catch((error: NodeJS.ErrnoException) => {
    if (!MAY_BE.has(error.code ?? '')) throw error;
  });
};

/** Not ours, or already exited. */
const MAY_BE = new Set(['EACCES', 'EPERM', 'ENOENT', 'ESRCH']);

/** A member by its pid in the sandbox's namespace, the second one in NSpid. */
const findInside = async (folder: string, insidePid: number): Promise<ProcessMark | undefined> => {
  // The wanted one is usually the newest.
  for (const pid of (await membersOf(folder)).reverse()) {
    const mark = await markOf(pid);
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(ifMissing(''));
    const numbers = /^NSpid:\s*(.+)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    if (mark !== undefined && numbers[1] === String(insidePid)) return mark;
  }
  return undefined;
};

/** Atomically, so that no child escapes: by the kernel, or by freezing all before the first is killed. */
const killAll = async (folder: string, freeze: Freeze): Promise<void> => {
  const byKernel = await writeExisting(join(folder, 'cgroup.kill'), '1');
  if (byKernel) return;
  await freeze(folder, true);
  try {
    for (const pid of await membersOf(folder)) kill(pid);
  } finally {
    // On v1 they die only when thawed.
    await freeze(folder, false);
  }
};

/** False when the file does not exist: v1 has none, v2 only since Linux 5.14. */
const writeExisting = async (path: string, text: string): Promise<boolean> => {
  try {
    await writeFile(path, text, { flag: 'r+' });
    return true;
  } catch (error) {
    ignoreMissing(error);
    return false;
  }
};

const ignoreEnded = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ESRCH') throw error;
};

const mustExist = (error: NodeJS.ErrnoException): void => {
  if (error.code === 'ENOENT') throw refused('enter', 'there is no such sandbox');
  if (error.code !== 'EEXIST') throw error;
};

const refused = (act: string, detail: string): Error => fail('driver.failed', { driver: 'oci', act, detail });
