import { expect, it } from 'vitest';
import { driverHost } from '../../../../testing/driver-host.ts';
import { foldersOf } from '../folders.ts';
import { identify } from '../identity.ts';
import { chooseEngine, type RuntimeName } from './engines.ts';
import { createLauncher } from './launch.ts';
import { judge, versionOf } from './versions.ts';

it('without a runtime it says which package to install, and takes nothing weaker', async () => {
  await using host = await driverHost();
  const folders = foldersOf(host.folder);
  const identity = identify(0x7000_0000);
  const none = ['no-such-runtime' as RuntimeName];
  const answer = await chooseEngine(none, {
    folders,
    base: { rootfs: host.folder, system: [] },
    launcher: createLauncher(folders, identity, undefined, () => undefined),
    cgroups: undefined,
    world: {
      identity,
      cgroups: undefined,
      inotify: { instances: 1, watches: 1 },
      openFiles: 1,
      compiledSeccomp: undefined,
    },
    installation: host.installation,
    besideV1: false,
    versionOf,
  });
  expect(answer).toEqual({
    absent:
      'no-such-runtime is not installed; install one with: apt-get install crun (or: apt-get install runc)',
  });
});

it('a runtime that cannot start a sandbox is not taken, and what it said is told', async () => {
  await using host = await driverHost();
  const folders = foldersOf(host.folder);
  const identity = identify(0x7000_0000);
  const answer = await chooseEngine(['crun', 'runc'], {
    folders,
    base: { rootfs: '/nowhere', system: [] },
    launcher: createLauncher(folders, identity, undefined, () => undefined),
    cgroups: undefined,
    world: {
      identity,
      cgroups: undefined,
      inotify: { instances: 1, watches: 1 },
      openFiles: 1,
      compiledSeccomp: undefined,
    },
    installation: host.installation,
    besideV1: false,
    versionOf,
  });
  expect(answer).toMatchObject({
    absent: expect.stringMatching(/crun exited with 1: .+; runc exited with 1: .+/s),
  });
});

it('a runtime with a known escape is not used, a patched package of the same version is, and what is known is told', async () => {
  const packaged = (version: string) => ({ distribution: 'debian 12', version });
  expect(judge('runc', { version: '1.1.11' }).refusal).toMatch(/CVE-2024-21626.+install 1\.1\.12/);
  expect(judge('runc', { version: '1.1.5+ds1', packaged: packaged('1.1.5+ds1-1') }).refusal).toBeDefined();
  const mended = judge('runc', { version: '1.1.5+ds1', packaged: packaged('1.1.5+ds1-1+deb12u1') });
  expect(mended).toMatchObject({ refusal: undefined, note: expect.stringContaining('CVE-2025-31133') });
  expect(judge('runc', { version: '1.4.0' })).toEqual({ note: 'runc 1.4.0', refusal: undefined });
  expect(judge('crun', { version: '0.10.4' }).refusal).toMatch(/CVE-2019-18837/);
  expect(judge('crun', { version: 'unknown' }).refusal).toBeDefined();

  await using host = await driverHost();
  const folders = foldersOf(host.folder);
  const identity = identify(0x7000_0000);
  const answer = await chooseEngine(['runc'], {
    folders,
    base: { rootfs: '/nowhere', system: [] },
    launcher: createLauncher(folders, identity, undefined, () => undefined),
    cgroups: undefined,
    world: {
      identity,
      cgroups: undefined,
      inotify: { instances: 1, watches: 1 },
      openFiles: 1,
      compiledSeccomp: undefined,
    },
    installation: host.installation,
    besideV1: false,
    versionOf: async () => ({ version: '1.1.11' }),
  });
  expect(answer).toMatchObject({ absent: expect.stringMatching(/runc 1\.1\.11 is not used/) });
});
