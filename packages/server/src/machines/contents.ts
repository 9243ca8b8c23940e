/**
 * Identifies by content what a new sandbox is made of: its image, or the host's system folders where it has none,
 * and what this machine adds (toolchains, certificates, registries). A path or a name does not: another archive or
 * program may be there tomorrow. Image archives are hashed. Folders of programs, which are too large for that, are
 * identified by their entries' inodes, sizes and times, as an installer leaves them, and by the package databases.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Isolation } from '@berth/contract';
import type { MachineSpec } from '@berth/plugin-api';
import type { Provisions } from './provisions.ts';

export interface Contents {
  /** Equal for two sandboxes only if they are made of the same. */
  identify(made: MadeOf): Promise<string>;
}

export interface MadeOf {
  readonly driver: string;
  readonly isolation: Isolation;
  /** Path of an archive; the host's system folders when absent. */
  readonly image: string | undefined;
}

export const createContents = (provisions: Provisions): Contents => {
  const imageOf = createImageDigests();
  return {
    async identify({ driver, isolation, image }) {
      const bare: MachineSpec = { id: '', layers: [], image, limits: {}, env: {}, tools: [] };
      const { env, path, tools } = provisions.added(bare, isolation);
      const root = image === undefined ? await systemState() : await imageOf(image);
      const added: unknown[] = [];
      for (const { source, target } of tools) added.push([target, await entriesOf(source)]);
      return sha256(JSON.stringify([driver, isolation, root, Object.entries(env).sort(), path, added]));
    },
  };
};

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A file written twice within this time may keep its timestamps. */
const SETTLED_MS = 2000;
const MAX_REMEMBERED = 100;

/** Reads an archive only once while it is unchanged. */
const createImageDigests = (): ((archive: string) => Promise<string>) => {
  const known = new Map<string, string>();
  return async (archive) => {
    const key = await stateOf(archive);
    const before = known.get(key);
    if (before !== undefined) return before;
    // No sandbox starts from it, and the driver says why.
    if (!(await isFile(archive))) return `unusable ${archive}`;
    const { ctimeMs } = await stat(archive);
    const isSettled = Date.now() - ctimeMs > SETTLED_MS;
    const hash = createHash('sha256');
    await pipeline(createReadStream(archive), hash);
    const digest = hash.digest('hex');
    if (known.size >= MAX_REMEMBERED) known.clear();
    if (isSettled) known.set(key, digest);
    return digest;
  };
};

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** What installs programs changes one of these. */
const SYSTEM_PLACES = [
  ...['/usr/bin', '/usr/sbin', '/usr/lib', '/usr/local/bin', '/usr/local/sbin', '/usr/local/lib'],
  ...['/var/lib/dpkg/status', '/var/lib/rpm/rpmdb.sqlite', '/lib/apk/db/installed', '/var/lib/pacman/local'],
];

const systemState = async (): Promise<readonly string[]> => {
  const states: string[] = [];
  for (const place of SYSTEM_PLACES) states.push(await stateOf(place));
  return states;
};

const MAX_ENTRIES = 1000;

/** A folder with its entries, or a file. */
const entriesOf = async (path: string): Promise<readonly string[]> => {
  const names = await readdir(path).catch(() => []);
  const states = [await stateOf(path)];
  for (const name of names.toSorted().slice(0, MAX_ENTRIES))
    states.push(`${name} ${await stateOf(join(path, name))}`);
  return states;
};

const stateOf = (path: string): Promise<string> =>
  lstat(path, { bigint: true }).then(
    async (entry) => {
      const { dev, ino, size, mtimeNs, ctimeNs } = entry.isSymbolicLink()
        ? await stat(path, { bigint: true }).catch(() => entry)
        : entry;
      return [path, dev, ino, size, mtimeNs, ctimeNs].join(' ');
    },
    () => `${path} absent`,
  );
