import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { guestReady } from './ready.ts';

test('an abort that comes before anybody waits is heard by who waits later, and by nobody else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-ready-'));
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => unheard.push(reason);
  process.on('unhandledRejection', hear);
  const stop = new AbortController();
  const ready = guestReady({ folder, socket: 'guest.sock', signal: stop.signal });
  stop.abort(new RangeError('enough'));
  await nextTurn();
  await nextTurn();
  process.off('unhandledRejection', hear);
  expect(unheard).toEqual([]);
  await expect(ready).rejects.toThrow('enough');
  rmSync(folder, { recursive: true });
});
