/** Schemas of the image documents, as far as they are used. Unknown keys are ignored. */
import { z } from 'zod';

/** Why an archive cannot be used, and what to do next. Becomes `image.unusable` where the file name is known. */
export class ImageRefusal extends Error {}

/** Limits on archives. Each is far above what tools write. */
export interface Bounds {
  /** One JSON document. */
  readonly documentBytes: number;
  /** Manifests, indexes and configs read to find the one for this machine. */
  readonly documents: number;
  readonly layers: number;
  /** Files, folders and links of all layers together. */
  readonly entries: number;
  /** Total file size of all layers, before deletions by later layers. */
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

/** An image index, or a manifest. */
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
