/**
 * Whether the parts of a home belong together: the database, the key from which tokens are derived, and the copies of
 * repositories. Each names its installation. A home in which one of them was lost, emptied or swapped is not touched:
 * a server that started afresh next to the copies would treat them, landed commits included, as nobody's.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import type { Store } from '@berth/core';
import { KEY_FILE } from '../secrets/installation-key.ts';
import { createPrivateFile, readPrivateFile } from '../secrets/private-file.ts';
import { DATABASE_FILE } from '../store/journal-mark.ts';
import { readSettings } from '../store/stored-settings.ts';
import { ifMissing } from '../system/if-missing.ts';
import { HUB_FOLDER } from './home.ts';

/** In the folder of the copies: the id of the installation that they belong to. */
const MARK_FILE = '.installation';

/** What the database records about the other parts. */
const INSTALLATION = 'installation';
const KEY_PRINT = 'key';
const HAS_COPIES = 'hub';

/** Call it before anything in the home is opened. If it rejects with `home.inconsistent`, it has written nothing. */
export const checkHome = async (home: string): Promise<void> => {
  const [settings, mark, print, hasCopies] = await Promise.all([
    settingsOf(home),
    readMark(home),
    printOf(home),
    holdsCopies(home),
  ]);
  const reason = problemOf({ settings, mark, print, hasCopies });
  if (reason !== undefined) throw fail('home.inconsistent', { home, reason });
};

/** Call it once the key and the database are open: from then on each part knows the others. */
export const markHome = async (home: string, store: Store, installation: string): Promise<void> => {
  await mkdir(join(home, HUB_FOLDER), { recursive: true, mode: 0o700 });
  await createPrivateFile(join(home, HUB_FOLDER, MARK_FILE), installation);
  const told = { [KEY_PRINT]: await printOf(home), [HAS_COPIES]: installation };
  await store.write(async (tx) => {
    for (const [id, value] of Object.entries(told))
      if (value !== undefined && (await tx.table('settings').get(id)) === undefined)
        await tx.table('settings').insert({ id, value });
  });
};

interface Parts {
  /** Undefined if there is no database, or an empty one. */
  readonly settings: Readonly<Record<string, string>> | undefined;
  readonly mark: string | undefined;
  readonly print: string | undefined;
  readonly hasCopies: boolean;
}

const problemOf = (parts: Parts): string | undefined => {
  const installation = parts.settings?.[INSTALLATION];
  return installation === undefined
    ? leftBehind(parts)
    : (foreignCopies(parts, installation) ?? foreignKey(parts));
};

/** From an earlier server, where the database has no record. */
const leftBehind = ({ mark, print, hasCopies }: Parts): string | undefined => {
  const left = [
    ...(hasCopies || mark !== undefined ? [`copies of repositories (${HUB_FOLDER})`] : []),
    ...(print === undefined ? [] : [`the key (${KEY_FILE})`]),
  ];
  if (left.length === 0) return undefined;
  return `the database (${DATABASE_FILE}) is missing or empty, but ${left.join(' and ')} of an earlier server are there`;
};

const foreignCopies = ({ settings, mark }: Parts, installation: string): string | undefined => {
  if (mark === undefined)
    return settings?.[HAS_COPIES] === undefined
      ? undefined
      : `the copies of repositories (${HUB_FOLDER}) that the database knows are missing`;
  if (mark === installation) return undefined;
  return `the database is of the installation ${installation}, the copies of repositories (${HUB_FOLDER}) are of ${mark}`;
};

const foreignKey = ({ settings, print }: Parts): string | undefined => {
  const known = settings?.[KEY_PRINT];
  if (known === undefined || known === print) return undefined;
  return print === undefined
    ? `the key (${KEY_FILE}) is missing`
    : `the key (${KEY_FILE}) is another one than the database knows`;
};

const settingsOf = async (home: string): Promise<Parts['settings']> => {
  const file = join(home, DATABASE_FILE);
  const { size } = await stat(file).catch(ifMissing({ size: 0 }));
  return size === 0 ? undefined : readSettings(file);
};

const readMark = async (home: string): Promise<string | undefined> =>
  (await readFile(join(home, HUB_FOLDER, MARK_FILE), 'utf8').catch(ifMissing(undefined)))?.trim();

/** Distinguishes keys, and reveals nothing about them. */
const printOf = async (home: string): Promise<string | undefined> => {
  const key = await readPrivateFile(join(home, KEY_FILE));
  return key === undefined ? undefined : createHash('sha256').update(`berth key ${key}`).digest('hex');
};

const holdsCopies = async (home: string): Promise<boolean> =>
  (await readdir(join(home, HUB_FOLDER)).catch(ifMissing<string[]>([]))).some((name) => name !== MARK_FILE);
