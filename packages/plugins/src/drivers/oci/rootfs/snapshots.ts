/**
 * Disk snapshots: the writable part of a sandbox, copied once into a content-addressed folder. Two machines that did
 * the same work produce the same layer. Deletions from lower layers (whiteouts, opaque folders) are part of it.
 */
import { randomUUID } from 'node:crypto';
import { chmod, chown, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import type { KeptOfDisk, Snapshots } from '@berth/plugin-api';
import { exists, ifMissing } from '../../../linux/missing.ts';
import { makeFolder } from '../../../linux/system-program.ts';
import { makeThrough } from '../folders.ts';
import type { Prerequisites } from '../prerequisites.ts';
import { shown, writable } from '../runtime/bundle.ts';
import { piped } from '../runtime/isolated-script.ts';
import type { DiskSize } from './disk-usage.ts';

export interface SnapshotWorld extends Pick<Prerequisites, 'folders' | 'ready' | 'discard'> {
  /** Freezes the machine while it is copied, where possible. */
  readonly quietly: <T>(id: string, act: () => Promise<T>) => Promise<T>;
  /** Limits of a layer. */
  readonly most: DiskSize;
  /** The folder of a machine's disk; rejects when it does not exist. */
  readonly diskOf: (id: string) => Promise<string>;
}

/** The two persistent writable folders of a sandbox. */
export const DISKS = ['workspace', 'home'] as const;

const TAKE_TIMEOUT_MS = 300_000;
const TOO_LARGE = 'too large: ';
const SIZE_FILE = 'size';
export const LAYER_NAME = /^[0-9a-f]{64}$/;

/**
 * $1 is the name of a disk. On an overlay only the kernel can write whiteouts; where a disk is a plain folder, the
 * sandbox may have forged them, which would delete files in other layers.
 */
const COPY = `
copied() {
  disk=$1
  shift
  how='--archive'
  if [ ! -e "/mnt/lists/overlay-$disk" ]; then how='--no-dereference --recursive --preserve=mode,ownership,timestamps,links'; fi
  if ! cp $how --reflink=auto "$@" 2>/tmp/said; then
    if grep -q 'File name too long' /tmp/said; then echo '${TOO_LARGE}a path in it is longer than the 4096 bytes that the kernel takes'; fi
    head -c 300 /tmp/said
    exit 1
  fi
}
without_forged() {
  if [ ! -e "/mnt/lists/overlay-$1" ]; then find "/mnt/to/$1" -type c -delete; fi
}`;

const COPY_ALL = `${COPY}
copied workspace -- /mnt/from/workspace/. /mnt/to/workspace/
copied home -- /mnt/from/home/. /mnt/to/home/`;

/** `is_real`: all parent folders exist and none is a link. */
const COPY_KEPT = `${COPY}
is_real() (
  path=$1
  while path=$(dirname -- "$path"); [ "$path" != . ]; do
    if [ ! -d "$path" ] || [ -L "$path" ]; then exit 1; fi
  done
  [ -e "$1" ] && [ ! -L "$1" ]
)
copy() {
  cd "/mnt/from/$1"
  while IFS= read -r path; do
    if is_real "$path"; then copied "$1" --parents -- "$path" "/mnt/to/$1/"; fi
  done < "/mnt/lists/$1"
}
copy workspace
copy home
find /mnt/to/workspace -name .git -prune -exec rm -rf -- {} +
cd /mnt/to/workspace
xargs -0 -r -a /mnt/lists/without rm -rf --`;

const WITHOUT_FORGED = `
without_forged workspace
without_forged home`;

/** Allocated blocks: a file's apparent size is irrelevant. Ends the script when the limit is exceeded. */
const weigh = (folder: string, { bytes, inodes }: DiskSize): string =>
  piped(
    `find ${folder} -xdev -printf '%b %P\\n'`,
    `awk -v most_bytes=${bytes} -v most_inodes=${inodes} '
  $1 !~ /^[0-9]+$/ { next }
  { inodes += 1; taken += $1 * 512 }
  $1 > largest { largest = $1; name = substr($0, length($1) + 2, 200) }
  inodes > most_inodes { exit }
  END {
    if (taken <= most_bytes && inodes <= most_inodes) exit 0
    printf "${TOO_LARGE}%.0f MiB in %.0f files; the largest is %s with %.0f MiB\\n", taken / 1048576, inodes, name, largest / 2048
    exit 1
  }'`,
  );

/**
 * Hashes names, modes, bytes, links, whiteouts, opaque marks and the position of holes, which are not read; not times
 * and owner ids. The archive exists only as a stream into the hash.
 */
const NAME = [
  piped('du --summarize --block-size=1 /mnt/to', 'cut -f1'),
  piped(
    `tar --create --sparse --sort=name --format=posix --pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime,delete=mtime \
--mtime=@0 --owner=0 --group=0 --numeric-owner --xattrs --xattrs-include=user.overlay.opaque --warning=no-file-ignored \
--directory=/mnt/to --file=- workspace home`,
    'sha256sum',
    "cut -d' ' -f1",
  ),
].join('');

export const createSnapshots = (world: SnapshotWorld): Snapshots => ({
  take: (id, kept) => world.quietly(id, () => take(world, id, kept)),
  async *list() {
    const names: string[] = await readdir(world.folders.layers).catch(ifMissing([]));
    for (const layer of names) {
      if (!LAYER_NAME.test(layer)) continue;
      const sizeFile = join(world.folders.layers, layer, SIZE_FILE);
      const size = await readFile(sizeFile, 'utf8').catch(ifMissing(undefined));
      if (size !== undefined) yield { layer, sizeBytes: Number(size) };
    }
  },
  drop: async (layer) => {
    if (LAYER_NAME.test(layer)) await world.discard(join(world.folders.layers, layer));
  },
});

const take = async (
  world: SnapshotWorld,
  id: string,
  kept: KeptOfDisk | undefined,
): Promise<{ layer: string; sizeBytes: number }> => {
  const disk = await world.diskOf(id);
  const { launcher, runIsolated, world: runtime } = await world.ready();
  const { uid, gid } = runtime.identity.root;
  const draft = await makeThrough(join(world.folders.trash, `draft-${randomUUID()}`));
  try {
    for (const name of DISKS) {
      await chown(await makeFolder(join(draft, name), 0o755), uid, gid);
    }
    const lists = await writeLists(draft, kept, await overlaysOf(disk));
    const { exitCode, output } = await runIsolated({
      script: scriptOf(kept, world.most),
      asOwner: true,
      timeoutMs: TAKE_TIMEOUT_MS,
      mounts: [
        ...DISKS.flatMap((name) => [
          shown(launcher.at(join(disk, name, 'upper')), `/mnt/from/${name}`),
          writable(launcher.at(join(draft, name)), `/mnt/to/${name}`),
        ]),
        shown(launcher.at(lists), '/mnt/lists'),
      ],
    });
    await rm(lists, { recursive: true });
    const [size = '', layer = ''] = output.trim().split('\n').slice(-2);
    const tooLarge = output.split('\n').find((line) => line.startsWith(TOO_LARGE));
    if (tooLarge !== undefined)
      throw fail('layer.too_large', { id, detail: tooLarge.slice(TOO_LARGE.length) });
    if (exitCode !== 0 || !LAYER_NAME.test(layer))
      throw fail('driver.failed', { driver: 'oci', act: 'snapshot', detail: output.slice(-500) });
    await writeFile(join(draft, SIZE_FILE), size);
    await keep(draft, join(world.folders.layers, layer));
    return { layer, sizeBytes: Number(size) };
  } finally {
    await world.discard(draft);
  }
};

/** A full copy is measured before copying; a partial one afterwards. */
const scriptOf = (kept: KeptOfDisk | undefined, most: DiskSize): string =>
  kept === undefined
    ? `${weigh('/mnt/from', most)}${COPY_ALL}${WITHOUT_FORGED}${NAME}`
    : `${COPY_KEPT}${WITHOUT_FORGED}${weigh('/mnt/to', most)}${NAME}`;

/**
 * Names with a line feed do not occur: repository names and declared paths cannot contain one, and other paths are
 * null-terminated.
 */
const writeLists = async (
  draft: string,
  kept: KeptOfDisk | undefined,
  overlays: readonly string[],
): Promise<string> => {
  const folder = await makeFolder(join(draft, 'lists'), 0o755);
  const { root = [], home = [], without = [] } = kept ?? {};
  const linesOf = (paths: readonly string[]): string => paths.map((path) => `${path}\n`).join('');
  const texts = {
    workspace: linesOf(root),
    home: linesOf(home),
    without: without.map((path) => `./${path}\0`).join(''),
    ...Object.fromEntries(overlays.map((name) => [`overlay-${name}`, ''])),
  };
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o644);
  }
  return folder;
};

/** The kernel leaves its own folder in an overlay's work folder. */
const overlaysOf = async (disk: string): Promise<string[]> => {
  const found = await Promise.all(
    DISKS.map(async (name) => ((await exists(join(disk, name, 'work', 'work'))) ? [name] : [])),
  );
  return found.flat();
};

const keep = async (draft: string, place: string): Promise<void> => {
  await rename(draft, place).catch((error: NodeJS.ErrnoException) => {
    // The same content was kept before: use that.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
};
