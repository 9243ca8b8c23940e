/**
 * Groups for commands, below a container's group: in the tree of v2, or with v1 in the freezer's alone, since a group here
 * is for finding and ending. Limits are counted at the container, and memory for all commands together as well (see
 * command-memory.ts). What a container holds is stopped with all of them.
 *
 * A group is named after what the caller calls it, so nothing has to be remembered, and whatever a server that died
 * left of it is found by the next.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '@berth/contract';
import { isAlive, kill, markOf, type ProcessMark } from '../../../linux/processes.ts';
import { EXEC_PREFIX, type Freeze, ignoreMissing, membersOf, removeGroup } from './group.ts';

const END_DEADLINE_MS = 10_000;

export interface CommandGroups {
  enter(containerId: string, group: string, insidePid: number): Promise<void>;
  end(containerId: string, group: string): Promise<void>;
}

export interface CommandPlaces {
  /** The group that belongs to nobody. */
  readonly top: string;
  /** Group of the guest, and of what it has just started. */
  guest(containerId: string): string;
  /** In which the groups of single commands are made. */
  commands(containerId: string): string;
  /** Where commands are counted together, when that is in another tree and there is such a group. */
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
        // Last the one by which it is known to have entered.
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
        if (performance.now() > deadline) throw refused('end', `${folder} has members that do not end`);
        await killAll(folder, freeze).catch(ignoreMissing);
        await sleep(pauseMs);
      }
    },
  };
};

/** Only what is in the guest's group: neither another's process, nor one that another command may claim. */
const move = async (from: string, to: readonly Entered[], insidePid: number): Promise<void> => {
  const found = await findInside(from, insidePid);
  if (found === undefined) throw refused('enter', `no process ${insidePid} is in the sandbox's own group`);
  for (const { folder } of to)
    await writeFile(join(folder, 'cgroup.procs'), String(found.pid)).catch(ignoreEnded);
  if (await isAlive(found)) return await sacrifice(found.pid);
  // Whoever has its number by now was not meant. Where it was before is unknown; the top belongs to nobody.
  for (const { folder, top } of to)
    if ((await membersOf(folder)).includes(found.pid) && (await markOf(found.pid)) !== undefined)
      await writeFile(join(top, 'cgroup.procs'), String(found.pid));
  throw refused('enter', `process ${insidePid} ended meanwhile`);
};

/**
 * Taken before the guest when memory ends. The guest has said so of all that it starts; said by root of the machine, no
 * command can take it back. For an ordinary user the file is another's.
 */
const sacrifice = async (pid: number): Promise<void> => {
  await writeFile(`/proc/${pid}/oom_score_adj`, '1000').catch((error: NodeJS.ErrnoException) => {
    if (!MAY_BE.has(error.code ?? '')) throw error;
  });
};

/** It is another's, or it ended. */
const MAY_BE = new Set(['EACCES', 'EPERM', 'ENOENT', 'ESRCH']);

/** A member by its number in the sandbox's namespace, which is the second that the kernel tells. */
const findInside = async (folder: string, insidePid: number): Promise<ProcessMark | undefined> => {
  // The one that is asked for is mostly the newest.
  for (const pid of (await membersOf(folder)).reverse()) {
    const mark = await markOf(pid);
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const numbers = /^NSpid:\s*(.+)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    if (mark !== undefined && numbers[1] === String(insidePid)) return mark;
  }
  return undefined;
};

/** At once, so that nothing can start what is not met: by the kernel, or by stopping all before the first is killed. */
const killAll = async (folder: string, freeze: Freeze): Promise<void> => {
  const byKernel = await writeExisting(join(folder, 'cgroup.kill'), '1');
  if (byKernel) return;
  await freeze(folder, true);
  try {
    for (const pid of await membersOf(folder)) kill(pid);
  } finally {
    // On v1 they die only now.
    await freeze(folder, false);
  }
};

/** False when there is no such file: v1 has none, and v2 since Linux 5.14. */
const writeExisting = async (path: string, text: string): Promise<boolean> => {
  try {
    await writeFile(path, text, { flag: 'r+' });
    return true;
  } catch (error) {
    ignoreMissing(error as NodeJS.ErrnoException);
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
