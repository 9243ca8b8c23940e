import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-wal-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('commits into room that is there already, and loses nothing of it', async () => {
  const clock = { now: Date.now, sleep: async () => undefined };
  const store = await openSqliteStore({ folder, clock });
  const sizeOfLog = async () => (await stat(`${store.file}-wal`)).size;
  const before = await sizeOfLog();
  for (let n = 0; n < 400; n++)
    await store.write((tx) => tx.table('settings').insert({ id: `s${n}`, value: 'x'.repeat(3000) }));
  expect(await sizeOfLog()).toBe(before);
  await store.close();

  const again = await openSqliteStore({ folder, clock });
  expect(await again.read((tx) => tx.table('settings').count())).toBe(400);
  await again.close();
});
