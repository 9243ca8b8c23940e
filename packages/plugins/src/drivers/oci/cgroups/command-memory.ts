/**
 * A part of a sandbox's memory that commands cannot use, whatever OOM score they set: contained commands are
 * accounted together in a group below the container's, with a slightly lower limit. When that is reached, the kernel
 * chooses among them, never the guest.
 *
 * On v1 the group exists only in the memory tree. On v2 a group that distributes controllers has no processes of its
 * own, so there the guest gets a sibling group.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPresent } from '../../../linux/missing.ts';
import { COMMANDS, GUEST, membersOf } from './group.ts';

const MEBIBYTE = 2 ** 20;
/** A guest's memory with all the connections that commands can open to it, none of which is read, plus a margin. */
const GUEST_MEMORY_BYTES = 128 * MEBIBYTE;
/** The guest's share in a small sandbox. */
const GUEST_PART = 4;
const MOVE_ROUNDS = 10;

/** The share of a sandbox's memory for its commands together. */
export const memoryOfCommands = (memoryBytes: number): number =>
  memoryBytes - Math.min(GUEST_MEMORY_BYTES, Math.floor(memoryBytes / GUEST_PART));

/**
 * The share of a sandbox's memory for socket buffers, where the kernel accounts them separately (v1): without a limit
 * they are not accounted. TCP continues with less, only slower.
 */
const SOCKET_MEMORY_BYTES = 64 * MEBIBYTE;
const SOCKET_PART = 8;

export const memoryOfSockets = (memoryBytes: number): number =>
  Math.min(SOCKET_MEMORY_BYTES, Math.floor(memoryBytes / SOCKET_PART));

export const SOCKET_LIMIT_V1 = 'memory.kmem.tcp.limit_in_bytes';

/** Splits a container's memory, after it has started and before its first command. `folder` is its own. */
type KeepMemory = (folder: string, memoryBytes: number) => Promise<void>;

export const keepMemoryV1: KeepMemory = async (folder, memoryBytes) => {
  const commands = join(folder, COMMANDS);
  const ofSockets = isPresent(join(folder, SOCKET_LIMIT_V1)) ? memoryOfSockets(memoryBytes) : 0;
  const most = String(memoryOfCommands(memoryBytes - ofSockets));
  // Accounted from the first socket only where a group has its own limit, so each gets one.
  if (ofSockets > 0) await writeFile(join(folder, SOCKET_LIMIT_V1), String(ofSockets));
  await mkdir(commands);
  if (ofSockets > 0) await writeFile(join(commands, SOCKET_LIMIT_V1), String(memoryOfCommands(ofSockets)));
  await writeFile(join(commands, 'memory.limit_in_bytes'), most);
  // Where swap is accounted, commands could otherwise swap out the guest's share, too.
  const withSwap = join(commands, 'memory.memsw.limit_in_bytes');
  if (isPresent(withSwap)) await writeFile(withSwap, most);
};

export const keepMemoryV2: KeepMemory = async (folder, memoryBytes) => {
  for (const name of [GUEST, COMMANDS]) await mkdir(join(folder, name));
  for (let round = 0; round < MOVE_ROUNDS; round++) {
    const left = await membersOf(folder);
    if (left.length === 0) break;
    for (const pid of left)
      await writeFile(join(folder, GUEST, 'cgroup.procs'), String(pid)).catch(ignoreEnded);
  }
  await writeFile(join(folder, 'cgroup.subtree_control'), '+memory');
  await writeFile(join(folder, COMMANDS, 'memory.max'), String(memoryOfCommands(memoryBytes)));
};

const ignoreEnded = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ESRCH') throw error;
};
