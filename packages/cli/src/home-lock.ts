/** The lock of a home on this machine: it holds the pid of its server. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';

const Lock = z.object({ pid: z.number() });

/** Undefined when no living process holds the home. */
export const holderOf = (home: string): number | undefined => {
  try {
    const { data } = Lock.safeParse(JSON.parse(readFileSync(join(home, 'lock'), 'utf8')));
    return data !== undefined && isRunning(data.pid) ? data.pid : undefined;
  } catch (error) {
    // Absent or not written by a server: no holder.
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
};

/** A zombie is still listed, but has ended. */
export const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || !/\) [ZX] /.test(readFileSync(stat, 'latin1'));
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === 'EPERM') return true;
      if (error.code === 'ESRCH' || error.code === 'ENOENT') return false;
    }
    throw error;
  }
};
