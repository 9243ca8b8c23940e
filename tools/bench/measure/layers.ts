/** Sandboxes from one prebuilt layer of 1 GB: creation time, and disk usage of each. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { contest, timed } from '../contest.ts';
import type { OpenDriver } from '../guest-channel.ts';
import type { Group, Row } from '../row.ts';
import { summaryOf } from '../statistics.ts';

const LAYER_MB = 1000;
const SANDBOXES = 20;
const BLOCK_BYTES = 512;

export const measureLayers = async (oci: OpenDriver): Promise<Group> => {
  const { snapshots } = oci.driver.facets;
  const title = 'from a prebuilt layer of 1 GB (driver alone)';
  if (snapshots === undefined) return { title, rows: [], absent: ['the driver has no snapshots here'] };
  const plain = oci.contender('without a layer', []);
  const layer = await prebuild(oci);
  const layered = oci.contender('with the layer', [layer]);

  const samples = await contest([layered, plain], { warmups: 1, rounds: 15 }, async (contender) => {
    let id = '';
    const tookMs = await timed(async () => {
      id = await contender.start();
    });
    await contender.remove(id);
    return tookMs;
  });
  const times = [...samples].map(([name, list]): Row => {
    const { p50, p95, samples: n } = summaryOf(list);
    return { what: `create → first command, ${name}`, value: p50, p95, samples: n, unit: 'ms' };
  });

  const ids: string[] = [];
  for (let n = 0; n < SANDBOXES; n++) ids.push(await layered.start());
  const each = ids.map((id) => diskBytes(join(oci.folder, 'sandboxes', id)) / 1e6);
  for (const id of ids) await layered.remove(id);
  await snapshots.drop(layer);
  const { p50, p95 } = summaryOf(each);
  const disk = { what: 'disk of each sandbox', value: p50, p95, samples: SANDBOXES, unit: 'MB' } as const;
  return { title, rows: [...times, { ...disk, bound: { atMost: 1 } }] };
};

const prebuild = async (oci: OpenDriver): Promise<string> => {
  const plain = oci.contender('', []);
  const id = await plain.start();
  const write = `head -c ${LAYER_MB}M /dev/urandom > /workspace/prebuilt`;
  await oci.client(id).run({ id: 'prebuild', argv: ['/bin/sh', '-c', write] });
  const { layer } = (await oci.driver.facets.snapshots?.take(id)) ?? { layer: '' };
  await plain.remove(id);
  return layer;
};

/** Allocated blocks, as counted by `du`. */
const diskBytes = (path: string): number => {
  const stats = lstatSync(path);
  const below = stats.isDirectory() ? readdirSync(path).map((name) => diskBytes(join(path, name))) : [];
  return below.reduce((sum, bytes) => sum + bytes, stats.blocks * BLOCK_BYTES);
};
