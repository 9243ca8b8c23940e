import { expect, it } from 'vitest';
import { driverHost } from '../../testing/driver-host.ts';
import { chooseEngine, type RuntimeName } from './engines.ts';
import { foldersOf } from './folders.ts';
import { identify } from './identity.ts';
import { createLauncher } from './launch.ts';

it('without a runtime it says which package to install, and takes nothing weaker', async () => {
  await using host = await driverHost();
  const folders = foldersOf(host.folder);
  const identity = identify(0x7000_0000);
  const none = ['no-such-runtime' as RuntimeName];
  const answer = await chooseEngine(none, {
    folders,
    base: { rootfs: host.folder, system: [] },
    launcher: createLauncher(folders, identity, undefined),
    cgroups: undefined,
    world: {
      identity,
      cgroups: undefined,
      inotify: { instances: 1, watches: 1 },
      compiledSeccomp: undefined,
    },
    installation: host.installation,
    besideV1: false,
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
    launcher: createLauncher(folders, identity, undefined),
    cgroups: undefined,
    world: {
      identity,
      cgroups: undefined,
      inotify: { instances: 1, watches: 1 },
      compiledSeccomp: undefined,
    },
    installation: host.installation,
    besideV1: false,
  });
  expect(answer).toMatchObject({
    absent: expect.stringMatching(/crun ended with 1: .+; runc ended with 1: .+/s),
  });
});
