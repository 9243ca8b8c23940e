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

/** False when it is another's word by now. The operator hears of it: somebody takes away what the server needs. */
export const supersedeLost = async (
  { store, troubles }: Pick<Ports, 'store' | 'troubles'>,
  prebuildId: string,
  layer: string,
): Promise<boolean> => {
  const driver = await store.write(async (tx) => {
    const now = await tx.table('prebuilds').get(prebuildId);
    if (now?.state !== 'ready' || now.layer !== layer) return undefined;
    await tx.table('prebuilds').update(prebuildId, now.revision, { state: 'superseded' });
    return now.driver;
  });
  if (driver === undefined) return false;
  troubles.note(
    prebuildId,
    `its layer is gone from the driver ${driver} and is made again when it is needed; ` +
      'keep cleaners away from the folder of the driver, and have it in backups as a whole',
  );
  return true;
};
