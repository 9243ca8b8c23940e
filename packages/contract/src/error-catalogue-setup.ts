/** Errors of what a sandbox starts from: its set-up, image and layers. */
import { z } from 'zod';
import type { ErrorShape } from './kernel/error.ts';

export const SETUP_ERRORS = {
  'setup.failed': {
    kind: 'conflict',
    data: z.object({
      command: z.string(),
      exitCode: z.number().nullable(),
      /** It exceeded this limit and was killed. */
      timeoutMs: z.number().optional(),
      tail: z.string(),
      /** It was red when the attempt began, so no agent was started. */
      beforeWork: z.boolean().optional(),
    }),
    message: ({ command, exitCode, timeoutMs, tail, beforeWork }) => {
      const when = beforeWork === true ? ' before any work: no agent was started' : '';
      const how =
        timeoutMs === undefined
          ? `ended with exit code ${exitCode ?? 'none'}`
          : `did not finish within ${timeoutMs} ms (\`setup.timeoutMs\`) and was killed`;
      return `The set-up command ${command} ${how}${when}: ${tail === '' ? 'no output' : tail}`;
    },
    hint: 'Fix the repository, or `setup.commands`, `setup.egress` or `setup.timeoutMs` of the workspace; `setup: { commands: [] }` disables the set-up.',
  },
  'setup.unfinished': {
    kind: 'unavailable',
    data: z.object({ times: z.number(), reason: z.string() }),
    message: (d) => `The set-up did not finish in ${d.times} tries; last error: ${d.reason}`,
    hint: 'If its machine died, check whether `limits.memoryBytes` of the workspace is large enough; `berth task retry` tries again.',
  },
  'image.unusable': {
    kind: 'invalid',
    data: z.object({ image: z.string(), reason: z.string() }),
    message: (d) => `The image ${d.image} cannot be used: ${d.reason}`,
    hint: "Give the path of an archive written by `docker save`, `docker export`, `podman save` or `skopeo copy` to `oci-archive:`, built for this machine's platform.",
  },
  'layer.too_large': {
    kind: 'exhausted',
    data: z.object({ id: z.string(), detail: z.string() }),
    message: (d) => `The disk of sandbox ${d.id} is too large to keep: ${d.detail}.`,
    hint: 'Reduce what the set-up or a command of the gate leaves behind, or raise `layerBytes` and `layerInodes` of the driver.',
  },
} as const satisfies Record<string, ErrorShape>;
