/**
 * The root folder of a sandbox without an image: an allow-list, never a deny-list.
 *
 * Of the host only /usr is mounted (with the links or folders /bin, /sbin, /lib… that belong to it) and a handful of
 * harmless files and folders of /etc; the rest of /etc is generated. A home, a secret or a socket of the host is
 * never visible because nothing mounts it. The skeleton is created once, content-addressed, and shared read-only.
 */
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ifMissingOrForbidden, isPresent } from '../../../linux/missing.ts';
import { makeFolder } from '../../../linux/system-program.ts';
import { type Folders, makeThrough } from '../folders.ts';
import type { Identity } from '../identity.ts';
import type { Trash } from './trash.ts';

export interface Base {
  /** The skeleton: folders to mount on, links, /etc. */
  readonly rootfs: string;
  /** Host folders to mount, read-only, at the same path. */
  readonly system: readonly string[];
}

/** Mount points only. */
export const MOUNT_POINTS =
  `proc dev tmp usr workspace home/agent run/berth opt/berth var/tmp mnt/from/workspace mnt/from/home mnt/to/workspace mnt/to/home mnt/lists`.split(
    ' ',
  );

const SYSTEM = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** Copied when they exist. All are identical on every machine of a distribution. */
const COPIED =
  /^(ca-certificates\.conf|debian_version|host\.conf|inputrc|java-\d+-openjdk|ld\.so\.(cache|conf|conf\.d)|localtime|magic|mime\.types|os-release|profile|protocols|python3(\.\d+)?|rpc|services|skel|terminfo|timezone)$/;
const COPIED_BELOW = ['ssl/openssl.cnf'];

/**
 * Folders of links into /usr: mounted as they are, because copying hundreds of links takes longer than everything
 * else.
 */
const SHOWN_BELOW = ['/etc/alternatives', '/etc/ssl/certs'];

/** Files of /etc in every sandbox, regardless of its image. */
export const WRITTEN: Readonly<Record<string, string>> = {
  hosts: '127.0.0.1 localhost berth.internal\n::1 localhost ip6-localhost\n',
  hostname: 'sandbox\n',
  'resolv.conf': '# There is no network here; names are resolved by the proxy.\n',
};

/** `agent` comes first: a uid shared by two accounts resolves to the first. */
const accountsOf = ({ commands: id }: Identity): Readonly<Record<string, string>> => ({
  passwd: `agent:x:${id}:${id}:agent:/home/agent:/bin/bash\nroot:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  group: `agent:x:${id}:\nroot:x:0:\ntty:x:5:\nnogroup:x:65534:\n`,
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n',
});

export const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt';

/**
 * What is missing most often when someone removed or emptied it: checked before each use, in a fraction of a
 * millisecond.
 */
export const isThere = ({ rootfs }: Base): boolean =>
  [...MOUNT_POINTS, ...Object.keys(WRITTEN).map((name) => `etc/${name}`)].every((path) =>
    isPresent(join(rootfs, path)),
  );

/** Creates or finds the skeleton of this host. One that does not match its name is moved aside. */
export const prepareBase = async (
  folders: Folders,
  identity: Identity,
  setAside: Trash['setAside'],
): Promise<Base> => {
  await makeThrough(folders.bases);
  const draft = join(folders.bases, `.draft-${randomUUID()}`);
  await makeFolder(draft, 0o755);
  try {
    const system = await writeSkeleton(draft, identity);
    await openToAll(draft);
    const name = await contentHash(draft);
    const rootfs = join(folders.bases, name);
    if (lstatSync(rootfs, { throwIfNoEntry: false }) !== undefined) {
      const found = await contentHash(rootfs).catch(ifMissingOrForbidden('unreadable'));
      if (found !== name) await setAside(rootfs, `the base has changed: ${found}`);
    }
    await rename(draft, rootfs).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      await rm(draft, { recursive: true });
    });
    return { rootfs, system: ['/usr', ...system] };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
};

/**
 * Returns the folders to mount in addition to /usr: those of /etc, and /bin and so on where they are not links yet.
 */
const writeSkeleton = async (root: string, identity: Identity): Promise<string[]> => {
  for (const point of MOUNT_POINTS) await mkdir(join(root, point), { recursive: true });
  await mkdir(join(root, 'etc/ssl'), { recursive: true });
  const real: string[] = [];
  for (const path of SHOWN_BELOW) {
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) continue;
    await mkdir(join(root, path), { recursive: true });
    real.push(path);
  }
  for (const path of SYSTEM) {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isSymbolicLink() === true) await symlink(await readlink(path), join(root, path));
    else if (stats?.isDirectory() === true) {
      await mkdir(join(root, path));
      real.push(path);
    }
  }
  const shown = (await readdir('/etc')).filter((name) => COPIED.test(name));
  for (const name of [...shown, ...COPIED_BELOW]) copyShown(name, root);
  for (const [name, text] of Object.entries({ ...WRITTEN, ...accountsOf(identity) }))
    await writeFile(join(root, 'etc', name), text);
  return real;
};

/** Synchronous: a few small files, once per server. */
const copyShown = (name: string, root: string): void => {
  const source = join('/etc', name);
  if (lstatSync(source, { throwIfNoEntry: false }) === undefined) return;
  cpSync(source, join(root, 'etc', name), {
    recursive: true,
    verbatimSymlinks: true,
    // Files that others cannot read on the host are not exposed here.
    filter: (path) => {
      const entry = lstatSync(path);
      return entry.isSymbolicLink() || (entry.mode & 0o004) !== 0;
    },
  });
};

/** Whatever the umask and the host file's mode. Mapped users can read all of it, and nobody can write to it. */
const openToAll = async (root: string): Promise<void> => {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
    if (entry.isFile()) await chmod(join(entry.parentPath, entry.name), 0o644);
  }
};

/** Hash of names, modes and bytes. */
const contentHash = async (root: string): Promise<string> => {
  const hash = createHash('sha256');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const named = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
  for (const { entry, path } of named.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const mode = entry.isSymbolicLink() ? 0 : lstatSync(path).mode;
    hash.update(`${path.slice(root.length)}\0${mode.toString(8)}\0`);
    if (entry.isFile()) hash.update(readFileSync(path));
    if (entry.isSymbolicLink()) hash.update(readlinkSync(path));
    hash.update('\0');
  }
  return hash.digest('hex').slice(0, 32);
};
