/** A layer that its driver does not have any more (removed by hand, left out of a backup) is made again when it is needed. */
import type { Ports } from '../../ports.ts';

export const layersOf = async (
  { machines }: Pick<Ports, 'machines'>,
  driver: string,
): Promise<Set<string>> => {
  const there = new Set<string>();
  for await (const { layer } of machines.facets(driver).snapshots?.list() ?? []) there.add(layer);
  return there;
};

/** False when it is another's word by now. */
export const supersedeLost = (
  { store }: Pick<Ports, 'store'>,
  prebuildId: string,
  layer: string,
): Promise<boolean> =>
  store.write(async (tx) => {
    const now = await tx.table('prebuilds').get(prebuildId);
    if (now?.state !== 'ready' || now.layer !== layer) return false;
    await tx.table('prebuilds').update(prebuildId, now.revision, { state: 'superseded' });
    return true;
  });
