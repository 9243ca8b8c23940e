import { createIds } from '../../src/kernel/ids.ts';
import { storeLaws } from '../laws/store.ts';
import { createMemoryStore } from './memory-store.ts';

storeLaws('in memory', async (clock) => {
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  return { store, close: () => store.close() };
});
