import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { MachineSpec } from '@berth/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findProvisions } from './provisions.ts';
import { findToolchains } from './toolchains.ts';

let folder: string;
let home: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'berth-provisions-')));
  home = join(folder, 'home');
  await mkdir(home);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const program = async (path: string): Promise<string> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '#!/bin/sh\n', { mode: 0o755 });
  return path;
};

/** A Node as its archives unpack: npm is a link into `lib`. */
const nodeAt = async (prefix: string): Promise<string> => {
  await program(join(prefix, 'bin/node'));
  await program(join(prefix, 'lib/node_modules/npm/bin/npm-cli.js'));
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(prefix, 'bin/npm'));
  await mkdir(join(prefix, 'share'), { recursive: true });
  return prefix;
};

const find = (path: readonly string[], execPath = '/usr/bin/env') =>
  findToolchains({ path: path.join(':'), home, execPath });

const NOTHING = { tools: [], path: [] };

test('a toolchain of a version manager is shown: its programs and libraries, nothing else', async () => {
  const prefix = await nodeAt(join(home, '.nvm/versions/node/v24'));
  expect(await find([join(prefix, 'bin'), '/usr/bin'])).toEqual({
    tools: [
      { source: join(prefix, 'bin'), target: '/opt/berth/toolchains/node/bin' },
      { source: join(prefix, 'lib'), target: '/opt/berth/toolchains/node/lib' },
    ],
    path: ['/opt/berth/toolchains/node/bin'],
  });
});

test('the first in the path counts; the system is seen anyway', async () => {
  const prefix = await nodeAt(join(folder, 'opt/node'));
  expect(await find(['/usr/bin', join(prefix, 'bin')])).toEqual(NOTHING);
  expect(await find(['', 'relative', join(folder, 'absent')])).toEqual(NOTHING);
});

test('what npm puts in front of the path is not the toolchain that the user works with', async () => {
  const own = await nodeAt(join(folder, 'opt/node'));
  const front = await nodeAt(join(folder, 'project/node_modules/node'));
  const { tools } = await find([join(front, 'bin'), join(own, 'bin')]);
  expect(tools.map(({ source }) => source)).toEqual([join(own, 'bin'), join(own, 'lib')]);
});

test('no home, nothing above it, no ~/.local and no folder with hidden files is shown', async () => {
  for (const prefix of [home, folder, join(home, '.local')]) {
    await nodeAt(prefix);
    expect(await find([join(prefix, 'bin')])).toEqual(NOTHING);
  }
  const odd = await nodeAt(join(folder, 'odd'));
  await writeFile(join(odd, '.netrc'), 'secret');
  expect(await find([join(odd, 'bin')])).toEqual(NOTHING);
});

test('behind a shim, the Node that runs the server is shown', async () => {
  const shim = await program(join(home, '.volta/bin/volta-shim'));
  for (const name of ['node', 'npm']) await symlink(shim, join(dirname(shim), name));
  expect(await find([dirname(shim)])).toEqual(NOTHING);
  const real = await nodeAt(join(home, '.volta/tools/image/node/24'));
  const { tools } = await find([dirname(shim)], join(real, 'bin/node'));
  expect(tools.map(({ source }) => source)).toEqual([join(real, 'bin'), join(real, 'lib')]);
});

test('a bundle of certificates elsewhere is shown, and its variables name where', async () => {
  const bundle = join(folder, 'ca.pem');
  await writeFile(bundle, 'x', { mode: 0o644 });
  const hidden = join(folder, 'key.pem');
  await writeFile(hidden, 'x');
  await chmod(hidden, 0o600);
  const withKey = join(folder, 'both.pem');
  await writeFile(withKey, '-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n', { mode: 0o644 });
  const env = {
    REQUESTS_CA_BUNDLE: withKey,
    NODE_EXTRA_CA_CERTS: bundle,
    SSL_CERT_FILE: bundle,
    PIP_CERT: hidden,
    CURL_CA_BUNDLE: join(folder, 'absent.pem'),
  };
  const registries = { npm_config_registry: 'https://npm.test/' };
  const { added } = await findProvisions({ env, registries, home, execPath: '/usr/bin/env' });
  const spec: MachineSpec = { id: 'x', layers: [], limits: {}, env: { A: '1' }, tools: [] };
  const { env: inside, tools } = added(spec, 'container');
  const target = tools[0]?.target ?? '';
  expect(tools).toEqual([{ source: bundle, target: expect.stringMatching(/^\/opt\/berth\/certificates\//) }]);
  expect(inside).toMatchObject({ A: '1', NODE_EXTRA_CA_CERTS: target, SSL_CERT_FILE: target });
  expect(inside).not.toHaveProperty('PIP_CERT');
  expect(inside).not.toHaveProperty('REQUESTS_CA_BUNDLE');
  expect(inside).toMatchObject({ npm_config_registry: 'https://npm.test/' });
  expect(added(spec, 'none')).toMatchObject({ tools: [], env: { SSL_CERT_FILE: bundle } });
});

test('an image brings its own programs', async () => {
  const prefix = await nodeAt(join(folder, 'opt/node'));
  const env = { PATH: join(prefix, 'bin') };
  const { added } = await findProvisions({ env, registries: {}, home, execPath: '/usr/bin/env' });
  const spec: MachineSpec = { id: 'x', layers: [], limits: {}, env: {}, tools: [] };
  expect(added(spec, 'container').path).toEqual(['/opt/berth/toolchains/node/bin']);
  expect(added({ ...spec, image: '/i.tar' }, 'container')).toMatchObject({ tools: [], path: [] });
});
