import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { GUEST_VERSION } from '@berth/contract/guest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestInProcess, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestInProcess>>;
beforeAll(async () => {
  guest = await guestInProcess({ confined: true });
});
afterAll(() => guest[Symbol.asyncDispose]());

describe('files', () => {
  it('are written whole, with the folders on the way, and read back', async () => {
    const { files } = guest.client();
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    await files.write('a/b/c.bin', bytes, 0o755);
    expect(Buffer.compare(Buffer.from(await files.read('a/b/c.bin')), bytes)).toBe(0);
    expect(statSync(join(guest.root, 'a/b/c.bin')).mode & 0o777).toBe(0o755);
    await files.write('a/b/c.bin', Buffer.from('new'));
    expect(statSync(join(guest.root, 'a/b/c.bin')).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(guest.root, 'a/b'))).toEqual(['c.bin']);
    expect(Buffer.from(await files.read(join(guest.root, 'a/b/c.bin'))).toString()).toBe('new');
  });

  it('are written in pieces at the pace of the guest, whole or not at all', async () => {
    const { files } = guest.client();
    const piece = Buffer.alloc(2 ** 20, 'x');
    let given = 0;
    const pieces = async function* (count: number, then?: Error) {
      for (; given < count; given += 1) yield piece;
      if (then !== undefined) throw then;
    };
    await files.write('pieces', pieces(40));
    expect(statSync(join(guest.root, 'pieces')).size).toBe(40 * 2 ** 20);
    const tooLarge = fail('request.too_large', { limitBytes: 1 });
    await expect(files.write('pieces', pieces(43, tooLarge))).rejects.toBe(tooLarge);
    await until(() =>
      expect(readdirSync(guest.root).filter((name) => name.startsWith('.berth-'))).toEqual([]),
    );
    expect(statSync(join(guest.root, 'pieces')).size).toBe(40 * 2 ** 20);
    given = 0;
    // Refused before the first byte: the rest is not asked for.
    await expect(files.write('/etc/passwd/x', pieces(1000))).rejects.toMatchObject({ code: 'file.refused' });
    expect(given).toBeLessThan(100);
  });

  it('are listed, described, renamed and removed', async () => {
    const { files } = guest.client();
    await files.makeFolder('list/inner');
    await files.write('list/file with ünï', Buffer.from('12345'));
    symlinkSync('/etc/passwd', join(guest.root, 'list/link'));
    const entries = await files.list('list');
    expect(entries.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'file with ünï file',
      'inner folder',
      'link link',
    ]);
    expect(await files.stat('list/file with ünï')).toMatchObject({ sizeBytes: 5, kind: 'file' });
    await files.rename('list/file with ünï', 'moved/here');
    await expect(files.rename('list/nothing', 'x')).rejects.toMatchObject({ code: 'file.missing' });
    await files.remove('list');
    await files.remove('list');
    await expect(files.stat('list')).rejects.toMatchObject({ code: 'file.missing' });
  });

  it('refuse what cannot be read as a file', async () => {
    const { files } = guest.client();
    await files.write('small', Buffer.from('1234567890'));
    await expect(files.read('small', 9)).rejects.toMatchObject({ code: 'file.refused' });
    await expect(files.read('.')).rejects.toThrow(/folder/);
    await expect(files.read('none')).rejects.toMatchObject({ code: 'file.missing' });
    await expect(files.read('a\0b')).rejects.toMatchObject({ code: 'file.refused' });
    await expect(files.read(`${'x/'.repeat(3000)}y`)).rejects.toMatchObject({ code: 'file.refused' });
    await guest.client().run({ id: 'fifo', argv: ['mkfifo', 'pipe'] });
    await expect(files.read('pipe')).rejects.toThrow(/not a regular file/);
    await expect(files.write('small/x', Buffer.from(''))).rejects.toMatchObject({ code: 'file.refused' });
  });

  it('stay inside where the driver has no wall, whatever links say', async () => {
    const { files } = guest.client();
    const outside = join(guest.folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(outside, join(guest.root, 'out'));
    symlinkSync(join(outside, 'secret'), join(guest.root, 'direct'));
    const refused = { code: 'file.refused' };
    await expect(files.read('../outside/secret')).rejects.toMatchObject(refused);
    await expect(files.read('/etc/passwd')).rejects.toMatchObject(refused);
    await expect(files.read('out/secret')).rejects.toMatchObject(refused);
    await expect(files.read('direct')).rejects.toMatchObject(refused);
    await expect(files.list('out')).rejects.toMatchObject(refused);
    await expect(files.write('out/new', Buffer.from(''))).rejects.toMatchObject(refused);
    await expect(files.makeFolder('out/deep/folder')).rejects.toMatchObject(refused);
    await expect(files.rename('small', 'out/small')).rejects.toMatchObject(refused);
    await expect(files.remove('out/secret')).rejects.toMatchObject(refused);
    // The last name is the link itself: replaced and removed without touching what it points to.
    await files.write('direct', Buffer.from('mine'));
    await files.remove('out');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(readFileSync(join(guest.root, 'direct'), 'utf8')).toBe('mine');
    await files.write(join(guest.home, 'ok'), Buffer.from(''));
  });

  it('are watched', async () => {
    const stop = new AbortController();
    const seen = new Set<string>();
    await guest.client().files.makeFolder('watched/deep');
    const watching = (async () => {
      for await (const change of guest.client().watch('watched', stop.signal)) seen.add(change.path);
    })();
    await until(async () => {
      await guest.client().files.write('watched/deep/file', Buffer.from(String(Date.now())));
      expect(seen.has('deep/file')).toBe(true);
    });
    stop.abort();
    await watching;
    await expect(
      guest.client().watch('absent', new AbortController().signal)[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({ code: 'file.missing' });
  });
});

describe('metrics and health', () => {
  it('are plausible', async () => {
    const sandbox = guest.client();
    expect((await sandbox.metrics()).uptimeMs).toBeGreaterThan(0);
    expect(await sandbox.health()).toMatchObject({
      version: GUEST_VERSION,
      id: 'sb_test',
      internalPort: guest.internalPort,
      proxyPort: guest.proxyPort,
      terminals: false,
    });
  });
});
