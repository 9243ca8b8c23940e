/** What the inside of a sandbox can put in the place of its socket. */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectWithin } from './guest-socket.ts';

it('a socket is connected to, and nothing that stands for one', async () => {
  const place = await mkdtemp(join(tmpdir(), 'berth-socket-'));
  const folder = join(place, 'run');
  await mkdir(folder);
  const server = createServer((socket) => socket.end('of the host'));
  server.listen(join(place, 'host.sock'));
  await once(server, 'listening');
  try {
    const direct = await connectWithin(place, 'host.sock');
    expect(String((await once(direct, 'data'))[0])).toBe('of the host');
    await symlink('../host.sock', join(folder, 'link'));
    await expect(connectWithin(folder, 'link')).rejects.toMatchObject({ code: 'ENOTSOCK' });
    await writeFile(join(folder, 'file'), '');
    await expect(connectWithin(folder, 'file')).rejects.toMatchObject({ code: 'ENOTSOCK' });
    await symlink('.', join(place, 'folder'));
    await expect(connectWithin(join(place, 'folder'), 'host.sock')).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
  } finally {
    server.close();
    await rm(place, { recursive: true });
  }
});
