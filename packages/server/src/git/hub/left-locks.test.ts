import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { exists } from '../../system/if-missing.ts';
import { createLeftLocks } from './left-locks.ts';

const MORE_THAN_REMEMBERED = 1_001;

test('a repository is cleaned before its first use, and again once it has been forgotten', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-locks-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const locks = createLeftLocks({ oldestIn: () => undefined });
  const lock = join(folder, 'HEAD.lock');
  await writeFile(lock, '');
  await locks.ready(folder);
  expect(await exists(lock)).toBe(false);
  await writeFile(lock, '');
  await locks.ready(folder);
  expect(await exists(lock)).toBe(true);
  for (let index = 0; index < MORE_THAN_REMEMBERED; index += 1)
    await locks.ready(join(folder, `absent-${index}`));
  await locks.ready(folder);
  expect(await exists(lock)).toBe(false);
});
