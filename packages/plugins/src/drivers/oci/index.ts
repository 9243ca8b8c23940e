import { defineDriver } from '@berth/plugin-api';
import { z } from 'zod';
import { openOci } from './driver.ts';

/** The first id above the ranges that systemd gives to containers; a root server uses 65,536 from here on. */
const ID_BASE = 0x7000_0000;
const LAYER_BYTES = 10 * 2 ** 30;
const LAYER_INODES = 500_000;
const RESERVED_BYTES = 2 * 2 ** 30;
const RESERVED_INODES = 50_000;
const UNUSED_IMAGES_KEPT_MS = 7 * 86_400_000;

export default defineDriver({
  name: 'oci',
  isolation: 'container',
  config: z.strictObject({
    runtime: z.enum(['crun', 'runc']).optional().describe('Use only this runtime. Default: crun, else runc.'),
    idBase: z
      .int()
      .min(65_536)
      .max(0x7fff_0000)
      .default(ID_BASE)
      .describe('The first of the 65,536 uids that a root server assigns to sandboxes.'),
    bootTimeoutMs: z
      .int()
      .min(1)
      .max(600_000)
      .default(15_000)
      .describe('How long a sandbox may take to start answering.'),
    unusedImagesKeptMs: z
      .int()
      .min(0)
      .default(UNUSED_IMAGES_KEPT_MS)
      .describe('How long an unpacked image is kept after the last sandbox started from it.'),
    reservedBytes: z
      .int()
      .min(0)
      .default(RESERVED_BYTES)
      .describe(
        'Below this much free disk space no sandbox is started; below half of it, the sandbox that uses most is killed.',
      ),
    layerBytes: z
      .int()
      .min(0)
      .default(LAYER_BYTES)
      .describe("Maximum size of a set-up's result on the disk."),
    layerInodes: z.int().min(0).default(LAYER_INODES).describe('The same for files, folders and links.'),
    reservedInodes: z.int().min(0).default(RESERVED_INODES).describe('The same for files.'),
  }),
  open: openOci,
});
