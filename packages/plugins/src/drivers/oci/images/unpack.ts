/**
 * Writes the files of an image. Nothing here writes a file by a name from the archive: that is done by an isolated script (see
 * there), in which `tar` sees only the target, in a user namespace in which no device can be created.
 */
import { createWriteStream } from 'node:fs';
import { chown, type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../../../linux/system-program.ts';
import { makeThrough } from '../folders.ts';
import { AGENT_ID } from '../identity.ts';
import type { Ready } from '../prerequisites.ts';
import { MOUNT_POINTS, WRITTEN } from '../rootfs/base.ts';
import { shown, writable } from '../runtime/bundle.ts';
import { piped } from '../runtime/isolated-script.ts';
import { listArchive } from './archive.ts';
import { type Blob, compressionOf, plainOf, rawOf } from './blobs.ts';
import { BOUNDS, ImageRefusal } from './documents.ts';
import { flatten } from './flatten.ts';
import { layersOf } from './manifest.ts';

export interface Unpacked {
  /** The image's PATH. */
  readonly path: string | undefined;
}

const UNPACK_TIMEOUT_MS = 600_000;
const SOURCE = '/mnt/from/workspace';
const TARGET = '/mnt/to/workspace';
const OPAQUE_LAYERS =
  'it is an archive of layers whose manifest cannot be read, or an xz-compressed one; save it again (docker save, skopeo copy to oci-archive), or decompress it';

/** The guest runs on the server's own Node, with the image's libraries. */
const NODE_LIBRARIES = ['libc.so.6', 'libstdc++.so.6'];
const NO_LIBRARY =
  'is missing from it, which the guest needs; use an image of a distribution with glibc, such as Debian, Ubuntu or Fedora (not Alpine)';

/** Fills `rootfs`, a new folder in `draft`, which also holds temporary files. */
export const unpack = async (image: FileHandle, draft: string, ready: Ready): Promise<Unpacked> => {
  const { launcher, runIsolated, world } = ready;
  const { uid, gid } = world.identity.root;
  const rootfs = await makeFolder(join(draft, 'rootfs'), 0o755);
  const source = await makeThrough(join(draft, 'source'));
  const tar = join(source, 'root.tar');
  const { path, isXz } = await writeRoot(image, draft, tar);
  for (const own of [rootfs, tar]) await chown(own, uid, gid);
  const { exitCode, output } = await runIsolated({
    script: unpackScript(isXz, world.identity.single === undefined ? 'same' : 'no-same'),
    asOwner: true,
    timeoutMs: UNPACK_TIMEOUT_MS,
    mounts: [shown(launcher.at(source), SOURCE), writable(launcher.at(rootfs), TARGET)],
  });
  if (exitCode !== 0) throw new ImageRefusal(output.trim().slice(-500));
  return { path };
};

interface Root extends Unpacked {
  readonly isXz: boolean;
}

/**
 * Writes the tar of one root file system: a copy of the archive when it is one, else its flattened layers. A copy,
 * because an archive in an arbitrary place cannot be mounted for an isolated script, and may change meanwhile.
 */
const writeRoot = async (image: FileHandle, draft: string, to: string): Promise<Root> => {
  const whole = await wholeOf(image);
  const compression = await compressionOf(whole);
  // Node cannot read xz. Few tools write it, and none that writes layers.
  const isXz = compression === 'xz';
  const plain = compression === 'gzip' || compression === 'zstd' ? join(draft, 'archive.tar') : undefined;
  if (plain !== undefined) await writeBounded(await plainOf(whole), plain);
  await using archive = plain === undefined ? undefined : await open(plain);
  const layered = isXz ? undefined : await layersOf(await listArchive(archive ?? image));
  if (layered !== undefined) await flatten(layered.layers, to);
  else if (plain !== undefined) await rename(plain, to);
  else await writeBounded(rawOf(whole), to);
  return { path: layered?.path, isXz };
};

const wholeOf = async (file: FileHandle): Promise<Blob> => ({
  file,
  offset: 0,
  sizeBytes: (await file.stat()).size,
});

const writeBounded = async (content: Readable, to: string): Promise<void> => {
  let left = BOUNDS.unpackedBytes;
  const bounded = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0) throw new ImageRefusal(`it unpacks to more than ${BOUNDS.unpackedBytes} bytes`);
      yield chunk;
    }
  };
  await pipeline(content, bounded, createWriteStream(to, { flags: 'wx', mode: 0o600 }));
};

/** An archive ends before its file does, and its writer must not get SIGPIPE. */
const fromXz = (extract: string): string =>
  piped(
    `xz --decompress --stdout <${SOURCE}/root.tar`,
    `head -c ${BOUNDS.unpackedBytes}`,
    `${extract} && cat >/dev/null`,
  );

const extractor = (owner: 'same' | 'no-same'): string =>
  `tar --extract --file=- --directory=${TARGET} --numeric-owner --${owner}-owner --same-permissions \
--exclude=./dev/* --exclude=dev/* --warning=no-timestamp`;

/** Devices and files provided per sandbox are not unpacked; mount points and the account are created. */
const unpackScript = (isXz: boolean, owner: 'same' | 'no-same'): string => `
${isXz ? fromXz(extractor(owner)) : `<${SOURCE}/root.tar ${extractor(owner)}`}
cd ${TARGET}
[ -x bin/sh ] || [ -L bin/sh ] || {
  if [ -e oci-layout ] || [ -e manifest.json ]; then echo "${OPAQUE_LAYERS}"; else echo "there is no /bin/sh in it; take an image with a shell"; fi
  exit 1
}
has() {
  for place in lib lib64 usr/lib usr/lib64 lib/* usr/lib/*; do
    if [ -e "$place/$1" ] || [ -L "$place/$1" ]; then return 0; fi
  done
  return 1
}
for library in ${NODE_LIBRARIES.join(' ')}; do
  has $library || { echo "$library ${NO_LIBRARY}"; exit 1; }
done
chmod 755 .
for folder in ${MOUNT_POINTS.join(' ')} etc; do
  [ ! -L "$folder" ] || rm -f -- "$folder"
  mkdir -p -- "$folder"
done
${Object.entries(WRITTEN)
  .map(([name, text]) => `rm -f etc/${name}; printf '${text.replaceAll('\n', '\\n')}' > etc/${name}`)
  .join('\n')}
grep -q '^[^:]*:[^:]*:${AGENT_ID}:' etc/passwd || echo 'agent:x:${AGENT_ID}:${AGENT_ID}::/home/agent:/bin/sh' >> etc/passwd
grep -q '^[^:]*:[^:]*:${AGENT_ID}:' etc/group || echo 'agent:x:${AGENT_ID}:' >> etc/group`;
