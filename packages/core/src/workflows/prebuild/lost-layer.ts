/** A layer that its driver no longer has (removed by hand, missing from a backup) is rebuilt when needed. */
import type { Ports } from '../../ports.ts';

export const layersOf = async (
  { machines }: Pick<Ports, 'machines'>,
  driver: string,
): Promise<Set<string>> => {
  const there = new Set<string>();
  for await (const { layer } of machines.facets(driver).snapshots?.list() ?? []) there.add(layer);
  return there;
};

/**
 * Returns false if the record has changed meanwhile. Tells the operator, because something removes files that
 * the server needs.
 */
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
