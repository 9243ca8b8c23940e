/** The driver's folder layout, below the folder given by the server. */
import { createHash, randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../../linux/system-program.ts';

export interface Folders {
  readonly root: string;
  /** One folder per sandbox. */
  readonly sandboxes: string;
  /** The runtime's own state: its path is part of a socket path, hence short. */
  readonly state: string;
  readonly layers: string;
  readonly images: string;
  readonly bases: string;
  readonly programs: string;
  /** Trash: what is being deleted. */
  readonly trash: string;
  /** What could not be used or deleted, for the operator to inspect. */
  readonly quarantine: string;
}

export const foldersOf = (root: string): Folders => ({
  root,
  sandboxes: join(root, 'sandboxes'),
  state: join(root, 'state'),
  layers: join(root, 'layers'),
  images: join(root, 'images'),
  bases: join(root, 'bases'),
  programs: join(root, 'programs'),
  trash: join(root, 'trash'),
  quarantine: join(root, 'quarantine'),
});

/** Mapped users may traverse these but not list them. */
const THROUGH = 0o711;

export const makeThrough = (path: string): Promise<string> => makeFolder(path, THROUGH);

export const areThere = (folders: Folders): boolean => Object.values(folders).every(isFolder);

/** Creates the missing ones. Anything else in the place of one is moved aside; returns its new path. */
export const makeFolders = async (folders: Folders): Promise<string[]> => {
  const aside: string[] = [];
  for (const path of Object.values(folders)) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined && !isFolder(path)) {
      const place = `${path}.aside-${randomUUID()}`;
      await rename(path, place);
      aside.push(place);
    }
    await makeThrough(path);
  }
  return aside;
};

const isFolder = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** All of one length, so that no runtime that matches by prefix confuses them. */
export const containerIdOf = (installation: string, id: string): string =>
  `berth-${createHash('sha256').update(`${installation}\0${id}`).digest('hex').slice(0, 24)}`;
