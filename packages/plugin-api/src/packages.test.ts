import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageOf } from './packages.ts';

let root: string;
beforeAll(() => {
  root = `${mkdtempSync(join(tmpdir(), 'berth-packages-'))}/`;
  for (const folder of ['etc', 'var/lib/dpkg/info']) mkdirSync(`${root}${folder}`, { recursive: true });
  writeFileSync(`${root}etc/os-release`, 'PRETTY_NAME="Debian"\nVERSION_ID="12"\nID=debian\n');
  writeFileSync(
    `${root}var/lib/dpkg/status`,
    [
      'Package: git-man\nVersion: 1:9.9.9-1\n',
      'Package: git\nStatus: install ok installed\nVersion: 1:2.39.5-0+deb12u3\nDescription: a\n Version: 3\n',
      'Package: runc\nVersion: 1.1.5+ds1-1+deb12u1',
    ].join('\n'),
  );
  writeFileSync(`${root}var/lib/dpkg/info/runc.list`, '/.\n/usr/sbin\n/usr/sbin/runc\n');
});
afterAll(() => rmSync(root, { recursive: true }));

test('a program is of the package with its name that has its version, with the whole version of that', async () => {
  const git = { distribution: 'debian 12', version: '1:2.39.5-0+deb12u3' };
  expect(await packageOf({ name: 'git', version: '2.39.5' }, root)).toEqual(git);
  for (const version of ['2.39', '2.3', '2.40.1', '9.9.9', '3'])
    expect(await packageOf({ name: 'git', version }, root)).toBeUndefined();
  expect(await packageOf({ name: 'crun', version: '1' }, root)).toBeUndefined();
  expect(await packageOf({ name: 'git', version: '2.39.5' }, '/nowhere/')).toBeUndefined();
});

test('what somebody put beside the program of a package is none of it, whatever it says of itself', async () => {
  const runc = { name: 'runc', version: '1.1.5+ds1' };
  const packaged = { distribution: 'debian 12', version: '1.1.5+ds1-1+deb12u1' };
  expect(await packageOf({ ...runc, path: '/usr/sbin/runc' }, root)).toEqual(packaged);
  expect(await packageOf({ ...runc, path: '/usr/local/sbin/runc' }, root)).toBeUndefined();
});
