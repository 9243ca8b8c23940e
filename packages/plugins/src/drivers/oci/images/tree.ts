/**
 * The merged layers of an image, in memory only: folders, links and which content has which names.
 *
 * Paths are resolved here, so that a link in one layer and a file behind it in the next, or a deletion through a
 * link, stay within the tree by construction: its root is its own parent.
 */
import { ImageRefusal } from './documents.ts';
import type { TarEntry } from './tar-reader.ts';

export type About = Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'modifiedAtSeconds'>;

export interface Folder {
  readonly kind: 'folder';
  about: About;
  readonly names: Map<string, Name>;
}
/** One content; several names may refer to it (hard links). */
export interface Content {
  readonly kind: 'file';
  readonly about: About;
  /** Its location: layer number and position in the layer. */
  readonly layer: number;
  readonly offset: number;
}
export interface Link {
  readonly kind: 'link';
  readonly about: About;
  readonly target: string;
}

export interface Name {
  /** The last layer that defined it; -1 when it is only an implied parent. */
  layer: number;
  readonly node: Folder | Content | Link;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** AUFS metadata, meaningless here. */
const NOTE = '.wh..wh.';
const IMPLICIT: About = { mode: 0o755, uid: 0, gid: 0, modifiedAtSeconds: 0 };
/** Path components per entry, including those through links. */
const MAX_STEPS = 4096;
const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;

export class Tree {
  readonly root: Folder = newFolder(IMPLICIT);
  readonly #maxNames: number;
  #made = 0;

  constructor(maxNames: number) {
    this.#maxNames = maxNames;
  }

  /** Layers are counted from 0, lowest first, and applied in that order. */
  apply(entry: TarEntry, layer: number): void {
    const path = partsOf(entry.name);
    const name = path.pop();
    if (name === undefined) return; // the root itself
    if (name.startsWith(WHITEOUT)) this.#delete(path, name, layer);
    else this.#put(this.#enter(path, true), name, entry, layer);
  }

  #delete(path: readonly string[], name: string, layer: number): void {
    if (name.startsWith(NOTE) && name !== OPAQUE) return;
    const parent = this.#enter(path, false);
    if (parent === undefined) return;
    if (name === OPAQUE) {
      purge(parent, layer);
      return;
    }
    const [gone = ''] = partsOf(name.slice(WHITEOUT.length));
    const named = parent.names.get(gone);
    if (named === undefined) return;
    if (named.node.kind === 'folder') purge(named.node, layer);
    if (named.layer < layer && isBare(named)) parent.names.delete(gone);
  }

  #put(parent: Folder, name: string, entry: TarEntry, layer: number): void {
    const { kind, linkName } = entry;
    const before = parent.names.get(name);
    if (kind === 'folder' && before?.node.kind === 'folder') {
      before.node.about = aboutOf(entry);
      before.layer = layer;
      return;
    }
    const node = kind === 'hardlink' ? this.#linked(linkName) : nodeOf(entry, layer);
    if (node === undefined) parent.names.delete(name);
    else this.#set(parent, name, { layer, node });
  }

  #set(parent: Folder, name: string, named: Name): void {
    this.#made += 1;
    if (this.#made > this.#maxNames)
      throw new ImageRefusal(`it holds more than ${this.#maxNames} files, folders and links`);
    if (name.length > MAX_NAME_BYTES) throw new ImageRefusal('a name in it is longer than 255 bytes');
    parent.names.set(name, named);
  }

  #linked(path: string): Content | Link {
    const parts = partsOf(path);
    const name = parts.pop() ?? '';
    const node = this.#enter(parts, false)?.names.get(name)?.node;
    if (node !== undefined && node.kind !== 'folder') return node;
    throw new ImageRefusal(`a hard link in it names ${shownName(path)}, which is not a file in it`);
  }

  /** The folder at a path, through links, created when missing; or undefined when missing and not to be created. */
  #enter(path: readonly string[], make: true): Folder;
  #enter(path: readonly string[], make: boolean): Folder | undefined;
  #enter(path: readonly string[], make: boolean): Folder | undefined {
    const trail = [this.root];
    const ahead = [...path].reverse();
    for (let steps = 0; ahead.length > 0; steps += 1) {
      if (steps + ahead.length > MAX_STEPS) throw new ImageRefusal('it contains a symbolic link loop');
      if (!this.#step(trail, ahead, make)) return undefined;
    }
    return trail.at(-1);
  }

  /** Descends one component; false when there is nothing to descend to. */
  #step(trail: Folder[], ahead: string[], make: boolean): boolean {
    const name = ahead.pop() ?? '';
    if (name === '..') {
      trail.splice(Math.max(1, trail.length - 1));
      return true;
    }
    const here = trail.at(-1) ?? this.root;
    const node = here.names.get(name)?.node ?? (make ? this.#folder(here, name) : undefined);
    if (node?.kind === 'folder') trail.push(node);
    else if (node?.kind === 'link') follow(node.target, trail, ahead);
    else if (make) throw new ImageRefusal(`it puts files below ${shownName(name)}, which is not a folder`);
    return node !== undefined && node.kind !== 'file';
  }

  #folder(parent: Folder, name: string): Folder {
    const node = newFolder(IMPLICIT);
    this.#set(parent, name, { layer: -1, node });
    return node;
  }
}

const follow = (target: string, trail: Folder[], ahead: string[]): void => {
  if (target.startsWith('/')) trail.splice(1);
  ahead.push(...stepsOf(target).reverse());
};

/** Deletes entries of lower layers; entries of this one stay, whatever their order. */
const purge = (folder: Folder, layer: number): void => {
  for (const [name, named] of folder.names) {
    if (named.node.kind === 'folder') purge(named.node, layer);
    if (named.layer < layer && isBare(named)) folder.names.delete(name);
  }
};

const isBare = ({ node }: Name): boolean => node.kind !== 'folder' || node.names.size === 0;

const newFolder = (about: About): Folder => ({ kind: 'folder', about, names: new Map() });

const nodeOf = (entry: TarEntry, layer: number): Name['node'] | undefined => {
  const about = aboutOf(entry);
  if (entry.kind === 'folder') return newFolder(about);
  if (entry.kind === 'link') return { kind: 'link', about, target: checkedTarget(entry.linkName) };
  return entry.kind === 'file' ? { kind: 'file', about, layer, offset: entry.offset } : undefined;
};

const aboutOf = ({ mode, uid, gid, modifiedAtSeconds }: TarEntry): About => ({
  ...{ mode, uid, gid, modifiedAtSeconds },
});

const checkedTarget = (target: string): string => {
  if (target !== '' && target.length <= MAX_PATH_BYTES && !target.includes('\0')) return target;
  throw new ImageRefusal('a link in it has an empty target');
};

const stepsOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

const partsOf = (path: string): string[] => {
  const parts = stepsOf(path);
  if (parts.includes('..') || path.length > MAX_PATH_BYTES || path.includes('\0'))
    throw new ImageRefusal(`the name ${shownName(path)} in it escapes it or is invalid`);
  return parts;
};

/** For an untrusted name: short, and without terminal control characters. */
const shownName = (name: string): string => JSON.stringify(name.slice(0, 100));
