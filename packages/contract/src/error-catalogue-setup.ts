/** What may be wrong with what a sandbox starts from: its set-up, image and layers. */
import { z } from 'zod';
import type { ErrorShape } from './kernel/error.ts';

export const SETUP_ERRORS = {
  'setup.failed': {
    kind: 'conflict',
    data: z.object({
      command: z.string(),
      exitCode: z.number().nullable(),
      /** It was ended, because it did not end by itself within this limit. */
      timeoutMs: z.number().optional(),
      tail: z.string(),
      /** It was so when the attempt began: no agent was asked. */
      beforeWork: z.boolean().optional(),
    }),
    message: ({ command, exitCode, timeoutMs, tail, beforeWork }) => {
      const when = beforeWork === true ? ' before any work: no agent was asked' : '';
      const how =
        timeoutMs === undefined
          ? `ended with exit code ${exitCode ?? 'none'}`
          : `did not end within ${timeoutMs} ms (\`setup.timeoutMs\`) and was ended`;
      return `The set-up command ${command} ${how}${when}: ${tail === '' ? 'it said nothing' : tail}`;
    },
    hint: 'Correct what it reads in the repository, or `setup.commands`, `setup.egress` or `setup.timeoutMs` of the workspace; `setup: { commands: [] }` does without.',
  },
  'setup.unfinished': {
    kind: 'unavailable',
    data: z.object({ times: z.number(), reason: z.string() }),
    message: (d) => `The set-up came to no end in ${d.times} tries; of the last one: ${d.reason}`,
    hint: 'When its machine died, look whether `limits.memoryBytes` of the workspace is enough for it; `berth task retry` tries again.',
  },
  'image.unusable': {
    kind: 'invalid',
    data: z.object({ image: z.string(), reason: z.string() }),
    message: (d) => `The image ${d.image} cannot be used: ${d.reason}`,
    hint: 'Give the path of what `docker save`, `docker export`, `podman save` or `skopeo copy` to `oci-archive:` wrote, for the platform of this machine.',
  },
  'layer.too_large': {
    kind: 'exhausted',
    data: z.object({ id: z.string(), detail: z.string() }),
    message: (d) => `What sandbox ${d.id} has on its disk is too much to keep: ${d.detail}.`,
    hint: 'Let the set-up leave less behind, or raise `layerBytes` and `layerInodes` of the driver.',
  },
} as const satisfies Record<string, ErrorShape>;
