/** Flattens layers to the tar of one root file system. */
import { createWriteStream } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hashOf, plainOf } from './blobs.ts';
import { type Bytes, bytesOfStream } from './bytes.ts';
import { BOUNDS, type Bounds, ImageRefusal } from './documents.ts';
import type { LayerBlob } from './manifest.ts';
import { readTar, type TarEntry } from './tar-reader.ts';
import { headerOf, paddingOf, TAR_END, type Written } from './tar-writer.ts';
import { type About, type Content, type Folder, type Link, Tree } from './tree.ts';

/** The layers are read twice: once for names only, then for the content that remains. */
export const flatten = async (layers: readonly LayerBlob[], to: string, bounds = BOUNDS): Promise<void> => {
  const tree = new Tree(bounds.entries);
  const maxBytes = Math.min(bounds.unpackedBytes, await roomAt(dirname(to)));
  let budget = maxBytes;
  for (const [at, layer] of layers.entries()) {
    await verifyPlain(layer, bounds);
    await eachEntry(layer, (entry) => {
      budget -= entry.sizeBytes;
      if (budget < 0)
        throw new ImageRefusal(`it unpacks to more than ${maxBytes} bytes, the limit or the free disk space`);
      tree.apply(entry, at);
    });
  }
  const whole = listOf(tree.root);
  await pipeline(partsOf(layers, whole), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
};

/** It is written once as a tar and once as files. */
const roomAt = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return (bavail * bsize) / 2;
};

const verifyPlain = async ({ blob, plainHash }: LayerBlob, { unpackedBytes }: Bounds): Promise<void> => {
  if (plainHash === undefined || (await hashOf(await plainOf(blob), 2 * unpackedBytes)) === plainHash) return;
  throw new ImageRefusal('a layer in it does not match its digest; copy or save it again');
};

const eachEntry = async (
  { blob }: LayerBlob,
  act: (entry: TarEntry, bytes: Bytes) => void,
): Promise<void> => {
  const bytes = bytesOfStream(await plainOf(blob));
  for await (const entry of readTar(bytes)) act(entry, bytes);
};

interface Whole {
  readonly folders: readonly Written[];
  readonly links: readonly Written[];
  /** By layer, then by position in it: all names of that content. */
  readonly contents: ReadonlyMap<number, ReadonlyMap<number, Named>>;
}

interface Named {
  readonly about: About;
  readonly paths: string[];
}

const MAX_PATH_BYTES = 4096;
/** Every sandbox has its own device folder. */
const OWN = new Set(['dev']);

const listOf = (root: Folder): Whole => {
  const folders: Written[] = [];
  const links: Written[] = [];
  const contents = new Map<number, Map<number, Named>>();
  const addContent = ({ layer, offset, about }: Content, path: string): void => {
    const ofLayer = contents.get(layer) ?? new Map<number, Named>();
    contents.set(layer, ofLayer);
    const named = ofLayer.get(offset);
    if (named === undefined) ofLayer.set(offset, { about, paths: [path] });
    else named.paths.push(path);
  };
  const add = (node: Folder | Content | Link, path: string): void => {
    if (path.length > MAX_PATH_BYTES) throw new ImageRefusal('a path in it is longer than 4096 bytes');
    if (node.kind === 'file') addContent(node, path);
    else if (node.kind === 'link')
      links.push({ ...node.about, name: path, kind: 'link', linkName: node.target, sizeBytes: 0 });
    else {
      folders.push({ ...node.about, name: path, kind: 'folder', sizeBytes: 0 });
      if (!OWN.has(path)) for (const [name, { node: inner }] of node.names) add(inner, `${path}/${name}`);
    }
  };
  for (const [name, { node }] of root.names) add(node, name);
  return { folders, links, contents };
};

/** Folders, then their contents, and links last: so nothing is ever written through a link. */
async function* partsOf(layers: readonly LayerBlob[], whole: Whole): AsyncGenerator<Buffer> {
  for (const folder of whole.folders) yield headerOf(folder);
  for (const [at, contents] of whole.contents) {
    const layer = layers[at];
    if (layer !== undefined) yield* contentsOf(layer, contents);
  }
  for (const link of whole.links) yield headerOf(link);
  yield TAR_END;
}

async function* contentsOf(
  { blob }: LayerBlob,
  contents: ReadonlyMap<number, Named>,
): AsyncGenerator<Buffer> {
  const bytes = bytesOfStream(await plainOf(blob));
  for await (const { offset, sizeBytes } of readTar(bytes)) {
    const { about, paths: [name, ...others] = [] } = contents.get(offset) ?? {};
    if (about === undefined || name === undefined) continue;
    yield headerOf({ ...about, name, kind: 'file', sizeBytes });
    yield* bytes.pieces(sizeBytes);
    yield paddingOf(sizeBytes);
    for (const other of others)
      yield headerOf({ ...about, name: other, kind: 'hardlink', linkName: name, sizeBytes: 0 });
  }
}
