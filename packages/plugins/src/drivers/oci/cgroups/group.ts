/** One control group by its folder, of either version: who is in it, whether it stands still, its end. */
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FREEZE_DEADLINE_MS = 5_000;
/** What the groups below a container's are called: of one command each, of all commands, of the guest. There are no others. */
export const EXEC_PREFIX = 'exec-';
export const COMMANDS = 'commands';
export const GUEST = 'guest';

/** Stops, or lets go on, everything in the group and below it. What cannot be stopped in time is left as it is. */
export type Freeze = (folder: string, frozen: boolean) => Promise<void>;

export const freezeV1: Freeze = async (folder, frozen) => {
  const path = join(folder, 'freezer.state');
  const state = frozen ? 'FROZEN' : 'THAWED';
  await writeFile(path, state);
  await until(FREEZE_DEADLINE_MS, async () => (await readFile(path, 'utf8')).trim() === state);
};

export const freezeV2: Freeze = async (folder, frozen) => {
  const wanted = frozen ? 1 : 0;
  await writeFile(join(folder, 'cgroup.freeze'), String(wanted));
  const events = join(folder, 'cgroup.events');
  await until(FREEZE_DEADLINE_MS, async () => field(await readFile(events, 'utf8'), 'frozen') === wanted);
};

/** Lets a whole container go on, also a group of commands that a server which died had stopped in order to end it. */
export const thawAll = async (freeze: Freeze, folder: string): Promise<void> => {
  await freeze(folder, false);
  for (const nested of await allBelow(folder)) await freeze(nested, false).catch(ignoreMissing);
};

export const membersOf = async (folder: string): Promise<number[]> => {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
};

export const allMembersOf = async (folder: string): Promise<number[]> => {
  const groups = [folder, ...(await allBelow(folder))];
  return (await Promise.all(groups.map(membersOf))).flat();
};

const nestedIn = async (folder: string): Promise<string[]> => {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name === COMMANDS || name === GUEST || name.startsWith(EXEC_PREFIX))
    .map((name) => join(folder, name));
};

const allBelow = async (folder: string): Promise<string[]> => {
  const nested = await nestedIn(folder);
  return [...nested, ...(await Promise.all(nested.map(allBelow))).flat()];
};

/** With the groups below. False while one of them has members. */
export const removeAll = async (folders: readonly string[]): Promise<boolean> =>
  (await Promise.all(folders.map(removeWithNested))).every(Boolean);

const removeWithNested = async (folder: string): Promise<boolean> => {
  if (await removeGroup(folder)) return true;
  const nested = await nestedIn(folder);
  if (nested.length === 0) return false;
  const removed = await Promise.all(nested.map(removeWithNested));
  return removed.every(Boolean) && (await removeGroup(folder));
};

/** False while there are members; the kernel may count one for a moment after its end. True also when there is none. */
export const removeGroup = async (folder: string): Promise<boolean> => {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
};

/** Also of a group that goes while it is written to. */
export const ignoreMissing = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ENOENT' && error.code !== 'ENODEV') throw error;
};

/** Of a file with a name and a count per line; 0 when it has no such line. */
export const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

/** The kernel does not announce a v1 freeze, so this asks again and again. */
const until = async (deadlineMs: number, done: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + deadlineMs;
  for (let pauseMs = 1; !(await done()); pauseMs = Math.min(pauseMs * 2, 50)) {
    if (performance.now() > end) return;
    await sleep(pauseMs);
  }
};
