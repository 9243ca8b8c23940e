/** Disk usage: of the whole file system at once, and of one sandbox by walking its files. */
import { statfs } from 'node:fs/promises';
import { fail } from '@berth/contract';
import { runSystemProgram } from '../../../linux/system-program.ts';

/** `inodes`: files, folders and everything else with a name. */
export interface DiskSize {
  readonly bytes: number;
  readonly inodes: number;
}

export const NOTHING: DiskSize = { bytes: 0, inodes: 0 };

export const combined = (of: (part: keyof DiskSize) => number): DiskSize => ({
  bytes: of('bytes'),
  inodes: of('inodes'),
});
export const sum = (a: DiskSize, b: DiskSize): DiskSize => combined((of) => a[of] + b[of]);
export const difference = (a: DiskSize, b: DiskSize): DiskSize => combined((of) => a[of] - b[of]);
export const exceeds = (size: DiskSize, most: DiskSize): boolean =>
  size.bytes > most.bytes || size.inodes > most.inodes;

export interface FileSystem {
  readonly used: DiskSize;
  /** For the server's user. A file system without an inode count has no inode limit. */
  readonly free: DiskSize;
}

export const fileSystemOf = async (path: string): Promise<FileSystem> => {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return {
    used: { bytes: (blocks - bfree) * bsize, inodes: files - ffree },
    free: { bytes: bavail * bsize, inodes: files === 0 ? Number.POSITIVE_INFINITY : ffree },
  };
};

const MEASURE_TIMEOUT_MS = 120_000;

/**
 * Allocated blocks, each file once however many names it has. The walk uses descriptors, follows no links, and stops
 * at the first file over the limit: its cost is bounded by the limits.
 *
 * A result must come from a complete walk. Only names that vanished meanwhile are not failures, because the inside
 * can create as many of them as it likes.
 */
const MEASURE = `
{ find "$1" -xdev -ignore_readdir_race -printf '%y %n %i %b\\n' 2>&1 || echo "ended with $?"; } |
  awk -v most_bytes="$2" -v most_inodes="$3" '
    /^find: .*: (No such file or directory|Not a directory|Too many levels of symbolic links)$/ { gone = 1; next }
    gone && $0 == "ended with 1" { next }
    NF != 4 || length($1) != 1 { failed = $0; exit }
    $1 != "d" && $2 > 1 { if ($3 in seen) next; seen[$3] = 1 }
    { inodes += 1; bytes += $4 * 512 }
    bytes > most_bytes || inodes > most_inodes { exit }
    END {
      if (failed == "" && inodes == 0) failed = "nothing was found"
      if (failed != "") { print failed; exit 1 }
      printf "%.0f %.0f\\n", bytes, inodes
    }'`;

/** At least the actual usage, up to the first excess. `surround` is a wrapper argument vector. */
export const measure = async (
  folder: string,
  most: DiskSize,
  surround: readonly string[] = [],
): Promise<DiskSize> => {
  const shell = ['nice', '-n', '10', '/bin/sh', '-c', MEASURE, 'berth-measure', folder];
  const argv = [...surround, ...shell, ...[most.bytes, most.inodes].map(asNumber)];
  const { code, stdout, stderr } = await runSystemProgram(argv, MEASURE_TIMEOUT_MS);
  const [, bytes, inodes] = /^(\d+) (\d+)\n$/.exec(stdout) ?? [];
  if (code === 0 && bytes !== undefined && inodes !== undefined)
    return { bytes: Number(bytes), inodes: Number(inodes) };
  const why =
    code === null ? `not within ${MEASURE_TIMEOUT_MS} ms` : `${stdout}${stderr}`.trim().slice(0, 300);
  const detail = `${folder} could not be measured with find and awk: ${why}`;
  throw fail('driver.failed', { driver: 'oci', act: 'measure', detail });
};

/** More than any disk has: no limit. */
const asNumber = (value: number): string => String(Math.min(value, Number.MAX_SAFE_INTEGER));
