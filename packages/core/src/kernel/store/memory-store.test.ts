import { storeLaws } from '../../../testing/laws/store.ts';
import { createIds } from '../ids.ts';
import { createMemoryStore } from './memory-store.ts';

storeLaws('in memory', async (clock) => {
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  return { store, close: () => store.close() };
});
