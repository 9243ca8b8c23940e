import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { makeFolder } from '../../linux/system-program.ts';
import { probeUser } from './user.ts';

const BASE = 700_000;

test('a home that other users may not pass through is said before anything is started in it', async () => {
  expect(process.getuid?.(), 'only root can try what other users may').toBe(0);
  const home = await mkdtemp(join(tmpdir(), 'berth-host-user-'));
  const folder = await makeFolder(join(home, 'host'), 0o711);
  try {
    const closed = await probeUser(BASE, process.execPath, folder);
    expect(closed).toEqual({
      health: 'absent',
      detail: expect.stringContaining(`cannot traverse to ${folder}`),
    });
    await chmod(home, 0o711);
    expect(await probeUser(BASE, process.execPath, folder)).toMatchObject({ health: 'degraded' });
  } finally {
    await rm(home, { recursive: true });
  }
});
