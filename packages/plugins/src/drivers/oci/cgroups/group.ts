/** One control group by its folder, of either version: its members, freezing, removal. */
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifMissing } from '../../../linux/missing.ts';

const FREEZE_DEADLINE_MS = 5_000;
/** Names of the groups below a container's: per command, all commands, the guest. There are no others. */
export const EXEC_PREFIX = 'exec-';
export const COMMANDS = 'commands';
export const GUEST = 'guest';

/** Freezes or thaws everything in the group and below it. What cannot be frozen in time is left as it is. */
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

/** `freezing`: it is to be frozen, and something in it is not yet. */
type FreezerState = (folder: string) => Promise<'thawed' | 'freezing' | 'frozen'>;

export const freezerStateV1: FreezerState = async (folder) => {
  const state = (await readFile(join(folder, 'freezer.state'), 'utf8')).trim();
  if (state === 'THAWED') return 'thawed';
  return state === 'FROZEN' ? 'frozen' : 'freezing';
};

export const freezerStateV2: FreezerState = async (folder) => {
  if ((await readFile(join(folder, 'cgroup.freeze'), 'utf8')).trim() === '0') return 'thawed';
  const events = await readFile(join(folder, 'cgroup.events'), 'utf8');
  return field(events, 'frozen') === 1 ? 'frozen' : 'freezing';
};

/**
 * Makes everything in the group leave its system calls, which end with what they have done or start again, and let go
 * of the files that only they hold. What is frozen has left them. False when something cannot be frozen.
 */
export const interruptAll = async (
  freeze: Freeze,
  stateOf: FreezerState,
  folder: string,
): Promise<boolean> => {
  const before = await stateOf(folder);
  if (before !== 'thawed') return before === 'frozen';
  try {
    await freeze(folder, true);
    return (await stateOf(folder)) === 'frozen';
  } finally {
    await freeze(folder, false);
  }
};

/** Thaws a whole container, including a command group that a crashed server had frozen to kill it. */
export const thawAll = async (freeze: Freeze, folder: string): Promise<void> => {
  await freeze(folder, false);
  for (const nested of await allBelow(folder)) await freeze(nested, false).catch(ignoreMissing);
};

export const membersOf = async (folder: string): Promise<number[]> => {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(ifMissing(''));
  return text.split('\n').filter(Boolean).map(Number);
};

export const allMembersOf = async (folder: string): Promise<number[]> => {
  const groups = [folder, ...(await allBelow(folder))];
  return (await Promise.all(groups.map(membersOf))).flat();
};

const nestedIn = async (folder: string): Promise<string[]> => {
  const names: string[] = await readdir(folder).catch(ifMissing([]));
  return names
    .filter((name) => name === COMMANDS || name === GUEST || name.startsWith(EXEC_PREFIX))
    .map((name) => join(folder, name));
};

const allBelow = async (folder: string): Promise<string[]> => {
  const nested = await nestedIn(folder);
  return [...nested, ...(await Promise.all(nested.map(allBelow))).flat()];
};

/** Including the groups below. False while one of them has members. */
export const removeAll = async (folders: readonly string[]): Promise<boolean> =>
  (await Promise.all(folders.map(removeWithNested))).every(Boolean);

const removeWithNested = async (folder: string): Promise<boolean> => {
  if (await removeGroup(folder)) return true;
  const nested = await nestedIn(folder);
  if (nested.length === 0) return false;
  const removed = await Promise.all(nested.map(removeWithNested));
  return removed.every(Boolean) && (await removeGroup(folder));
};

/**
 * False while there are members; the kernel may count one briefly after its exit. Also true when the group does not
 * exist.
 */
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

/** Also for a group that vanishes during the write. */
export const ignoreMissing: (error: unknown) => void = ifMissing(undefined);

/** From a file with a name and a count per line; 0 when the line is missing. */
export const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

/** The kernel does not announce a v1 freeze, so this polls. */
const until = async (deadlineMs: number, done: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + deadlineMs;
  for (let pauseMs = 1; !(await done()); pauseMs = Math.min(pauseMs * 2, 50)) {
    if (performance.now() > end) return;
    await sleep(pauseMs);
  }
};
