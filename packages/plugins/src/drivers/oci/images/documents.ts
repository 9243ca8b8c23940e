/** What the documents of an image say, as far as it is used. Unknown keys are none of our business. */
import { z } from 'zod';

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

const Descriptor = z.object({
  mediaType: z.string().optional(),
  digest: z.string(),
  size: z.int().min(0),
  platform: z.object({ os: z.string(), architecture: z.string(), variant: z.string().optional() }).optional(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
export type Descriptor = z.infer<typeof Descriptor>;

export const Layout = z.object({ imageLayoutVersion: z.string().startsWith('1.') });

export const Index = z.object({ manifests: z.array(Descriptor) });

/** An index of images, or the manifest of one. */
export const IndexOrManifest = z.union([
  z.object({ config: Descriptor, layers: z.array(Descriptor), manifests: z.undefined().optional() }),
  Index.extend({ layers: z.undefined().optional() }),
]);
export type Manifest = Extract<z.infer<typeof IndexOrManifest>, { config: unknown }>;

export const ImageConfig = z.object({
  os: z.string().optional(),
  architecture: z.string().optional(),
  config: z.object({ Env: z.array(z.string()).nullish() }).nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()) }).optional(),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

/** `manifest.json` of `docker save`. */
export const SavedImages = z
  .array(
    z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }),
  )
  .min(1);
