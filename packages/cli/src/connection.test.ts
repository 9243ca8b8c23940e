import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createWorld } from '../test/scripted-io.ts';
import { connectionOf } from './connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-home-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('where the server is', () => {
  test('by itself: the socket and the token in the home of root or of the user', () => {
    const root = { ...createWorld(), isRoot: true };
    expect(connectionOf(root)).toMatchObject({
      address: 'unix:/var/lib/berth/run/berth.sock',
      isOwnHome: true,
    });
    expect(connectionOf(createWorld({ HOME: '/home/a' })).home).toBe('/home/a/.local/share/berth');
    expect(connectionOf(createWorld({ XDG_DATA_HOME: '/data' })).home).toBe('/data/berth');
  });

  test('in another home, where the token is read', () => {
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a/owner-token'), 'secret\n');
    const inHome = { address: `unix:${join(folder, 'a/run/berth.sock')}`, token: 'secret' };
    expect(connectionOf(createWorld({ BERTH_HOME: join(folder, 'a') }))).toMatchObject(inHome);
    expect(connectionOf(createWorld(), { home: join(folder, 'a') })).toMatchObject(inHome);
    expect(connectionOf(createWorld({ BERTH_HOME: join(folder, 'b') })).token).toBeUndefined();
  });

  test('elsewhere, when the environment or a flag says so; the flag wins', () => {
    const world = createWorld({ BERTH_ADDRESS: 'http://a:1', BERTH_TOKEN: 't' });
    expect(connectionOf(world)).toMatchObject({ address: 'http://a:1', token: 't', isOwnHome: false });
    expect(connectionOf(world, { address: 'http://b:2' }).address).toBe('http://b:2');
  });

  test('an address that is none is told with what named it', () => {
    for (const bad of ['foo', 'ftp://a', 'unix:', '127.0.0.1:8080']) {
      const told = (place: string) =>
        expect.objectContaining({ message: expect.stringContaining(`${place}: must`) });
      expect(() => connectionOf(createWorld(), { address: bad })).toThrow(told('--address'));
      expect(() => connectionOf(createWorld({ BERTH_ADDRESS: bad }))).toThrow(told('BERTH_ADDRESS'));
    }
  });

  test('and the token of this machine goes to another one only when its home is named for it', () => {
    mkdirSync(join(folder, 'c/berth'), { recursive: true });
    writeFileSync(join(folder, 'c/berth/owner-token'), 'secret');
    const world = createWorld({ XDG_DATA_HOME: join(folder, 'c') });
    const tokenFor = (address: string, home?: string) => connectionOf(world, { address, home }).token;
    for (const near of ['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1', 'unix:/x.sock'])
      expect(tokenFor(near), near).toBe('secret');
    for (const far of ['http://example.com', 'https://127.0.0.1.example.com', 'http://localhost@example.com'])
      expect(tokenFor(far), far).toBeUndefined();
    expect(tokenFor('https://example.com', join(folder, 'c/berth'))).toBe('secret');
  });
});
