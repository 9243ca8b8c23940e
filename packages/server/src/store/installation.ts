/** Who we are: made once, kept in the database, written on everything that drivers make. */
import type { Ids, Store } from '@berth/core';

const NAME = 'installation';

export const installationId = (store: Store, ids: Ids): Promise<string> =>
  store.write(async (tx) => {
    const known = await tx.table('settings').get(NAME);
    if (typeof known?.value === 'string') return known.value;
    // The random part: short names and labels are made of it.
    const id = `in${ids.new('workspace').slice(-10)}`;
    await tx.table('settings').insert({ id: NAME, value: id });
    return id;
  });
