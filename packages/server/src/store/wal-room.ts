/**
 * Room for the write-ahead log, taken once when the store opens. A commit that makes the log longer has to write the
 * file's new length and place, too, before it is durable; one that overwrites old bytes writes only itself (on ext4:
 * twenty times faster). SQLite starts the log over after each checkpoint and never shortens it, so once there is room
 * for what lies between two checkpoints every commit is of the fast kind.
 *
 * Zeros behind the last frame mean nothing to SQLite: a frame counts only with the salt of the log's head and a checksum
 * that continues the one before, which is how it leaves old frames lying there itself
 * (https://sqlite.org/fileformat2.html#the_write_ahead_log).
 */
import { open } from 'node:fs/promises';
import { fail } from '@berth/contract';

/** A little more than SQLite's 1000 pages of 4096 bytes with a head of 24 bytes each. */
const ROOM_BYTES = 4_400_000;

/** Call it when the log exists and nobody else writes to it. Rejects with `disk.full`. */
export const makeWalRoom = async (database: string): Promise<void> => {
  await using log = await open(`${database}-wal`, 'r+');
  const { size } = await log.stat();
  if (size >= ROOM_BYTES) return;
  try {
    await log.write(Buffer.alloc(ROOM_BYTES - size), 0, undefined, size);
    await log.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw fail('disk.full', { path: database }, { cause: error });
  }
};
