/** The layers of an archive for this machine, for both archive formats. */

import { arch } from 'node:process';
import { type Archive, verify } from './archive.ts';
import type { Blob } from './blobs.ts';
import {
  BOUNDS,
  type Descriptor,
  ImageConfig,
  ImageRefusal,
  Index,
  IndexOrManifest,
  Layout,
  type Manifest,
  SavedImages,
} from './documents.ts';

interface Layered {
  /** Lowest first. */
  readonly layers: readonly LayerBlob[];
  /** The image's PATH, when it declares one. */
  readonly path: string | undefined;
}

export interface LayerBlob {
  readonly blob: Blob;
  /** SHA-256 of the uncompressed layer, when that is its name. */
  readonly plainHash: string | undefined;
}

/** Undefined when its contents are not a layer archive. */
export const layersOf = async (archive: Archive): Promise<Layered | undefined> => {
  if (await isLayout(archive)) return await layersOfLayout(archive);
  if (await isSaved(archive)) return await layersOfSaved(archive);
  return undefined;
};

/** A root file system may also have files of these names, with other contents. */
const isLayout = async (archive: Archive): Promise<boolean> =>
  archive.has('oci-layout') &&
  archive.has('index.json') &&
  (await archive.document(archive.blob('oci-layout'), Layout, 'oci-layout').then(
    () => true,
    () => false,
  ));

const isSaved = async (archive: Archive): Promise<boolean> =>
  archive.has('manifest.json') &&
  (await archive.document(archive.blob('manifest.json'), SavedImages, 'manifest.json').then(
    () => true,
    () => false,
  ));

interface Candidate {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

interface Search {
  readonly archive: Archive;
  readonly found: Map<string, Candidate>;
  /** Other platforms seen. */
  readonly others: Set<string>;
  documents: number;
}

const layersOfLayout = async (archive: Archive): Promise<Layered> => {
  const index = await archive.document(archive.blob('index.json'), Index, 'index.json');
  const search: Search = { archive, found: new Map(), others: new Set(), documents: 0 };
  for (const descriptor of index.manifests) await look(search, descriptor);
  const { manifest, config } = oneOf(search);
  checkCount(manifest.layers.length);
  const layers: LayerBlob[] = [];
  for (const { digest, size } of manifest.layers)
    layers.push({ blob: await archive.verified(digest, size), plainHash: undefined });
  return { layers, path: pathOf(config) };
};

/** Indexes are nested; entries for another platform are not read, since they may be missing from the archive. */
const look = async (search: Search, descriptor: Descriptor): Promise<void> => {
  const { archive, found, others } = search;
  const { platform, digest, size } = descriptor;
  if (platform !== undefined && !isHere(platform)) {
    others.add(nameOf(platform));
    return;
  }
  if (found.has(digest)) return;
  const document = await archive.document(await counted(search, digest, size), IndexOrManifest, 'manifest');
  if (document.manifests !== undefined) {
    for (const inner of document.manifests) await look(search, inner);
    return;
  }
  const blob = await counted(search, document.config.digest, document.config.size);
  const config = await archive.document(blob, ImageConfig, 'config');
  const stated = { os: config.os ?? HERE.os, architecture: config.architecture ?? HERE.architecture };
  if (isHere(stated)) found.set(digest, { descriptor, manifest: document, config });
  else others.add(nameOf(stated));
};

/** An index may refer to itself, through others. */
const counted = async (search: Search, digest: string, size: number): Promise<Blob> => {
  search.documents += 1;
  if (search.documents > BOUNDS.documents)
    throw new ImageRefusal(`it has more than ${BOUNDS.documents} manifests; save one image`);
  return await search.archive.verified(digest, size);
};

/** Of several for this machine that differ in CPU variant, the most generic. */
const oneOf = ({ found, others }: Search): Candidate => {
  const variantOf = ({ descriptor }: Candidate): string => descriptor.platform?.variant ?? '';
  const candidates = [...found.values()].sort((a, b) => (variantOf(a) < variantOf(b) ? -1 : 1));
  const [first] = candidates;
  if (first === undefined) {
    const held = others.size === 0 ? 'no image' : `images for ${[...others].sort().join(', ')} only`;
    throw new ImageRefusal(
      `it holds ${held}; this machine is ${nameOf(HERE)}: save the image with that platform`,
    );
  }
  const same = candidates.filter((one) => variantOf(one) === variantOf(first));
  if (same.length > 1) throw several(same.map(({ descriptor }) => refOf(descriptor)));
  return first;
};

const refOf = ({ annotations, digest }: Descriptor): string =>
  annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'] ?? digest;

const several = (names: readonly string[]): Error =>
  new ImageRefusal(`it holds several images (${names.join(', ').slice(0, 300)}); save one alone`);

const NAMED_BY_HASH = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/;
const DIFF_ID = /^sha256:([0-9a-f]{64})$/;

/** The config is named by its digest, and lists the digests of the uncompressed layers. */
const layersOfSaved = async (archive: Archive): Promise<Layered> => {
  const images = await archive.document(archive.blob('manifest.json'), SavedImages, 'manifest.json');
  const [image] = images;
  if (image === undefined || images.some(({ Config }) => Config !== image.Config))
    throw several(images.flatMap(({ RepoTags, Config }) => RepoTags ?? [Config]));
  const blob = archive.blob(image.Config);
  const [, hex] = NAMED_BY_HASH.exec(image.Config) ?? [];
  if (hex === undefined) throw new ImageRefusal('the config in it is not named by its digest; save it again');
  await verify(blob, hex);
  const config = await archive.document(blob, ImageConfig, 'config');
  const stated = { os: config.os ?? HERE.os, architecture: config.architecture ?? HERE.architecture };
  if (!isHere(stated))
    throw new ImageRefusal(
      `it is for ${nameOf(stated)}; this machine is ${nameOf(HERE)}: save it with that platform`,
    );
  const hashes = config.rootfs?.diff_ids ?? [];
  checkCount(image.Layers.length);
  if (hashes.length !== image.Layers.length)
    throw new ImageRefusal(
      `it has ${image.Layers.length} layers and digests of ${hashes.length}; save it again`,
    );
  const layers = image.Layers.map((path, at): LayerBlob => {
    const [, plainHash] = DIFF_ID.exec(hashes[at] ?? '') ?? [];
    if (plainHash === undefined) throw new ImageRefusal('a layer in it has no SHA-256 digest');
    return { blob: archive.blob(path), plainHash };
  });
  return { layers, path: pathOf(config) };
};

const checkCount = (layers: number): void => {
  if (layers > BOUNDS.layers) throw new ImageRefusal(`it has more than ${BOUNDS.layers} layers; flatten it`);
};

const PATH_VARIABLE = /^PATH=((?:\/[^\0\n:]*)(?::\/[^\0\n:]*)*)$/;
const MAX_PATH_LENGTH = 4096;

/** Absolute folders only: a relative one would differ for each command. */
const pathOf = ({ config }: ImageConfig): string | undefined => {
  const [, path] = config?.Env?.map((line) => PATH_VARIABLE.exec(line)).find((match) => match !== null) ?? [];
  return path !== undefined && path.length <= MAX_PATH_LENGTH ? path : undefined;
};

/** This machine's platform, as written in image indexes. */
interface Platform {
  readonly os: string;
  readonly architecture: string;
}

/** Where Node's name of an architecture differs from Go's. */
const NAMES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'amd64',
  ia32: '386',
  ppc64: 'ppc64le',
  mipsel: 'mipsle',
};

const HERE: Platform = { os: 'linux', architecture: NAMES[arch] ?? arch };

const isHere = ({ os, architecture }: Platform): boolean =>
  os === HERE.os && architecture === HERE.architecture;

const nameOf = ({ os, architecture }: Platform): string => `${os}/${architecture}`;
