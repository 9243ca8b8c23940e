/** Why an archive cannot be used, and what to do next. Where the name of the file is known it becomes `image.unusable`. */
export class ImageRefusal extends Error {}

/** What an archive may ask of us at most. Each bound is far above what tools write. */
export interface Bounds {
  /** One JSON document. */
  readonly documentBytes: number;
  /** Manifests, indexes and configs read on the way to the one for this machine. */
  readonly documents: number;
  readonly layers: number;
  /** Files, folders and links of all layers together. */
  readonly entries: number;
  /** What the files of all layers hold together, before anything is deleted by a later layer. */
  readonly unpackedBytes: number;
}

const MEBIBYTE = 2 ** 20;

export const BOUNDS: Bounds = {
  documentBytes: 4 * MEBIBYTE,
  documents: 100,
  layers: 256,
  entries: 500_000,
  unpackedBytes: 32 * 1024 * MEBIBYTE,
};
