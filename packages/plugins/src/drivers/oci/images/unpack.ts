/**
 * Writes the files of an image. Nothing here writes a file by a name that came with the archive: that is done by a
 * chore (see there), in which `tar` sees only the target, in a user namespace in which no device can be made.
 */
import { createWriteStream } from 'node:fs';
import { chown, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../../../linux/folder.ts';
import { MOUNT_POINTS, WRITTEN } from '../base.ts';
import { writable } from '../bundle.ts';
import { AGENT_ID } from '../identity.ts';
import type { Ready } from '../workshop.ts';
import { listArchive } from './archive.ts';
import { type Blob, compressionOf, plainOf } from './blobs.ts';
import { flatten } from './flatten.ts';
import { layersOf } from './manifest.ts';
import { BOUNDS, ImageRefusal } from './refusal.ts';

export interface Unpacked {
  /** Where the image says that programs are. */
  readonly path: string | undefined;
}

const UNPACK_TIMEOUT_MS = 600_000;
const TARGET = '/mnt/to/workspace';
const OPAQUE_LAYERS =
  'it is an archive of layers whose manifest cannot be read, or one within xz; save it again (docker save, skopeo copy to oci-archive), or decompress it';

/** Fills `rootfs`, a new folder in `draft`, where what is only needed on the way lies, too. */
export const unpack = async (image: FileHandle, draft: string, ready: Ready): Promise<Unpacked> => {
  const { launcher, chore, world } = ready;
  const rootfs = await makeFolder(join(draft, 'rootfs'), 0o755);
  await chown(rootfs, world.identity.agent.uid, world.identity.agent.gid);
  await using opened = new AsyncDisposableStack();
  const root = await rootOf(image, draft, opened);
  const { exitCode, output } = await chore({
    script: unpackScript(root.filter),
    asOwner: true,
    timeoutMs: UNPACK_TIMEOUT_MS,
    mounts: [writable(launcher.at(rootfs), TARGET)],
    stdin: root.tar,
  });
  if (exitCode !== 0) throw new ImageRefusal(output.trim().slice(-500));
  return { path: root.path };
};

interface Root extends Unpacked {
  /** Of one root file system. */
  readonly tar: FileHandle;
  /** What it has to pass through first, for a shell. */
  readonly filter: string;
}

/** The archive itself when it holds a root, else the tar that its layers come to. */
const rootOf = async (image: FileHandle, draft: string, opened: AsyncDisposableStack): Promise<Root> => {
  const compression = await compressionOf(await wholeOf(image));
  // Node cannot read it. Few tools write it, and none that writes layers.
  if (compression === 'xz')
    return {
      tar: image,
      filter: `xz --decompress --stdout | head -c ${BOUNDS.unpackedBytes} |`,
      path: undefined,
    };
  const tar = compression === 'none' ? image : opened.use(await inflated(image, join(draft, 'archive.tar')));
  const layered = await layersOf(await listArchive(tar));
  if (layered === undefined) return { tar, filter: '', path: undefined };
  const flat = join(draft, 'flat.tar');
  await flatten(layered.layers, flat);
  return { tar: opened.use(await open(flat)), filter: '', path: layered.path };
};

const wholeOf = async (file: FileHandle): Promise<Blob> => ({
  file,
  offset: 0,
  sizeBytes: (await file.stat()).size,
});

const inflated = async (image: FileHandle, to: string): Promise<FileHandle> => {
  let left = BOUNDS.unpackedBytes;
  const bounded = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0) throw new ImageRefusal(`it unpacks to more than ${BOUNDS.unpackedBytes} bytes`);
      yield chunk;
    }
  };
  await pipeline(
    await plainOf(await wholeOf(image)),
    bounded,
    createWriteStream(to, { flags: 'wx', mode: 0o600 }),
  );
  return await open(to);
};

/** Devices and the files that every sandbox has of its own are not unpacked; mount points and the account are made. */
const unpackScript = (filter: string): string => `
${filter} tar --extract --file=- --directory=${TARGET} --numeric-owner --same-permissions \
--exclude=./dev/* --exclude=dev/* --warning=no-timestamp
cd ${TARGET}
[ -x bin/sh ] || [ -L bin/sh ] || {
  if [ -e oci-layout ] || [ -e manifest.json ]; then echo "${OPAQUE_LAYERS}"; else echo "there is no /bin/sh in it"; fi
  exit 1
}
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
