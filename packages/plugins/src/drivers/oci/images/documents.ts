/** What the documents of an image say, as far as it is used. Unknown keys are none of our business. */
import { z } from 'zod';

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
