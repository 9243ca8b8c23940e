/**
 * A part of a sandbox's memory that commands cannot take, whatever they say of themselves: contained commands are
 * counted together in a group below the container's, with a limit a little below its own. When that is reached, the kernel
 * chooses among them, and the guest is not asked.
 *
 * With v1 the group stands in the tree of memory alone. In the one tree of v2 a group that hands limits down has no
 * processes of its own, so there the guest gets a group beside.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { COMMANDS, GUEST, membersOf } from './group.ts';

const MEBIBYTE = 2 ** 20;
/** What a guest takes with all the connections that commands can open to it, none of which is read, and some more. */
const GUEST_MEMORY_BYTES = 128 * MEBIBYTE;
/** Of a sandbox with little, the guest keeps this part. */
const GUEST_PART = 4;
const MOVE_ROUNDS = 10;

/** Of all of a sandbox's memory, what its commands may have together. */
export const memoryOfCommands = (memoryBytes: number): number =>
  memoryBytes - Math.min(GUEST_MEMORY_BYTES, Math.floor(memoryBytes / GUEST_PART));

/**
 * Of all of a sandbox's memory, what waits in its sockets, where the kernel counts that apart (v1): without a limit of its
 * own it is counted for nobody. TCP goes on with less, only slower.
 */
const SOCKET_MEMORY_BYTES = 64 * MEBIBYTE;
const SOCKET_PART = 8;

export const memoryOfSockets = (memoryBytes: number): number =>
  Math.min(SOCKET_MEMORY_BYTES, Math.floor(memoryBytes / SOCKET_PART));

export const SOCKET_LIMIT_V1 = 'memory.kmem.tcp.limit_in_bytes';

/** Sets a container's memory apart, once it has started and before a command has. `folder` is its own. */
type KeepMemory = (folder: string, memoryBytes: number) => Promise<void>;

export const keepMemoryV1: KeepMemory = async (folder, memoryBytes) => {
  const commands = join(folder, COMMANDS);
  const ofSockets = existsSync(join(folder, SOCKET_LIMIT_V1)) ? memoryOfSockets(memoryBytes) : 0;
  const most = String(memoryOfCommands(memoryBytes - ofSockets));
  // Counted from its first socket on only where a group has a limit of its own, so each gets one.
  if (ofSockets > 0) await writeFile(join(folder, SOCKET_LIMIT_V1), String(ofSockets));
  await mkdir(commands);
  if (ofSockets > 0) await writeFile(join(commands, SOCKET_LIMIT_V1), String(memoryOfCommands(ofSockets)));
  await writeFile(join(commands, 'memory.limit_in_bytes'), most);
  // Where swap is counted, what commands swap out is the guest's to lose as well.
  const withSwap = join(commands, 'memory.memsw.limit_in_bytes');
  if (existsSync(withSwap)) await writeFile(withSwap, most);
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
