/**
 * Root folders from image tars, unpacked once and named by the tar's content. Unpacking is a chore (see there): `tar`
 * runs where only the target can be seen, in a user namespace in which no device can be made.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chown, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fail } from '@berth/contract';
import { makeFolder } from '../../linux/folder.ts';
import { MOUNT_POINTS, WRITTEN } from './base.ts';
import { writable } from './bundle.ts';
import { makeThrough } from './folders.ts';
import { AGENT_ID } from './identity.ts';
import type { Ready, Workshop } from './workshop.ts';

export interface ImageWorld extends Pick<Workshop, 'folders' | 'discard'> {
  readonly ready: Ready;
}

const UNPACK_TIMEOUT_MS = 600_000;
const TARGET = '/mnt/to/workspace';
const LAYERED =
  'it is an archive of layers (docker save, OCI layout); a tar of one root file system is needed, as docker export makes it from a container';

/**
 * Returns the folder of the unpacked root file system. The tar holds the root itself (as `docker export` or
 * debootstrap make it), plain or compressed. Rejects with `image.unusable`.
 */
export const unpackImage = async (image: string, world: ImageWorld): Promise<string> => {
  const { launcher, chore, world: runtime } = world.ready;
  const { uid, gid } = runtime.identity.agent;
  const place = join(world.folders.images, await hashOf(image));
  const rootfs = join(place, 'rootfs');
  if (await exists(rootfs)) return rootfs;
  const draft = await makeThrough(join(world.folders.trash, `image-${randomUUID()}`));
  const unpacked = await makeFolder(join(draft, 'rootfs'), 0o755);
  try {
    await chown(unpacked, uid, gid);
    await using archive = await open(image, 'r');
    const { exitCode, output } = await chore({
      script: unpackScript(await decompressor(image)),
      asOwner: true,
      timeoutMs: UNPACK_TIMEOUT_MS,
      mounts: [writable(launcher.at(unpacked), TARGET)],
      stdin: archive,
    });
    if (exitCode !== 0) throw fail('image.unusable', { image, reason: output.trim().slice(-500) });
    await rename(draft, place).catch(async (error) => {
      if (!(await exists(rootfs))) throw error;
    });
    return rootfs;
  } finally {
    await world.discard(draft);
  }
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const hashOf = async (image: string): Promise<string> => {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(image), hash);
  } catch (error) {
    throw fail('image.unusable', { image, reason: 'the file cannot be read' }, { cause: error });
  }
  return hash.digest('hex');
};

/** `tar` tells compressed archives apart only when it can seek, and this one comes by a pipe or an opened file. */
const decompressor = async (image: string): Promise<string> => {
  await using file = await open(image, 'r');
  const { buffer } = await file.read(Buffer.alloc(6), 0, 6, 0);
  const start = buffer.toString('hex');
  if (start.startsWith('1f8b')) return '--gzip';
  if (start.startsWith('fd377a585a00')) return '--xz';
  return start.startsWith('28b52ffd') ? '--zstd' : '';
};

/** Devices and the files that every sandbox has of its own are not unpacked; mount points and the account are made. */
const unpackScript = (option: string): string => `
tar --extract ${option} --file=- --directory=${TARGET} --numeric-owner --same-permissions \
--exclude=./dev/* --exclude=dev/* --warning=no-timestamp
cd ${TARGET}
if [ -e oci-layout ] || [ -e manifest.json ]; then echo "${LAYERED}"; exit 1; fi
[ -x bin/sh ] || [ -L bin/sh ] || { echo "there is no /bin/sh in it"; exit 1; }
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
