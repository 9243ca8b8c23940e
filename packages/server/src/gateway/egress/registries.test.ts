import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRegistries, registryEnvironment } from './registries.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'berth-registries-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const write = async (name: string, text: string) => {
  const file = path.join(home, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
};
const read = async (env: Record<string, string> = {}) => {
  const found = await readRegistries({ home, env, etc: path.join(home, 'etc') });
  return found.map(({ host, port, named }) => `${host}:${port}${named ? ' named' : ''}`).sort();
};

test('without configuration the public registries are meant, and none may be private', async () => {
  expect(await read()).toEqual([
    'files.pythonhosted.org:443',
    'index.crates.io:443',
    'proxy.golang.org:443',
    'pypi.org:443',
    'registry.npmjs.org:443',
    'static.crates.io:443',
    'sum.golang.org:443',
  ]);
});

test('what the user configured takes the place of the defaults', async () => {
  await write(
    '.npmrc',
    '; mine\nregistry = http://10.1.2.3:4873/\n@corp:registry=https://npm.corp.test/x/\n//npm.corp.test/:_authToken=s=cret\nfund=false\n',
  );
  await write(
    '.config/pip/pip.conf',
    '[global]\nindex-url = https://user:pw@pip.corp.test/simple\nextra-index-url =\n    https://a.test/simple\n    https://b.test/simple\n',
  );
  await write(
    '.cargo/config.toml',
    '[source.crates-io]\nreplace-with = "mirror" # here\n[source.mirror]\nregistry = "sparse+https://crates.corp.test/index/" # mirror\n[registries]\nother = { index = "https://x.test" }\n[registries.more]\nindex = "https://more.test/git/index"\n',
  );
  expect(await read()).toEqual([
    '10.1.2.3:4873 named',
    'a.test:443 named',
    'b.test:443 named',
    'crates.corp.test:443 named',
    'more.test:443 named',
    'npm.corp.test:443 named',
    'pip.corp.test:443 named',
    'proxy.golang.org:443',
    'sum.golang.org:443',
    'x.test:443 named',
  ]);
});

test('the environment wins over files, the user over the system', async () => {
  await write('etc/npmrc', 'registry=https://system.test/\n');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: npm itself fills in the variable.
  await write('.npmrc', 'registry=https://${NAME}.test/\n');
  await write('etc/pip.conf', '[global]\nindex-url=https://system-pip.test/\n');
  expect(await read({ NAME: 'mine' })).toEqual(
    expect.arrayContaining(['mine.test:443 named', 'system-pip.test:443 named']),
  );
  const env = {
    npm_config_registry: 'https://env.test',
    PIP_INDEX_URL: 'http://env-pip.test:81/',
    CARGO_REGISTRIES_A_INDEX: 'https://env-cargo.test',
    GOPROXY: 'https://env-go.test|direct',
  };
  expect(await read(env)).toEqual([
    'env-cargo.test:443 named',
    'env-go.test:443 named',
    'env-pip.test:81 named',
    'env.test:443 named',
    'index.crates.io:443',
    'static.crates.io:443',
    'sum.golang.org:443',
  ]);
});

test('a registry named by its default address is named; what is no address is left out', async () => {
  await write('.npmrc', 'registry=https://registry.npmjs.org/\n');
  await write('.config/pip/pip.conf', '[global]\nindex-url=file:///srv/wheels\nfind-links=not a url\n');
  expect(await read()).toEqual([
    'index.crates.io:443',
    'proxy.golang.org:443',
    'registry.npmjs.org:443 named',
    'static.crates.io:443',
    'sum.golang.org:443',
  ]);
});

test('nothing is told that does not read as one address, and no credentials in whatever spelling', async () => {
  const told = async (env: Record<string, string>) =>
    JSON.stringify(await registryEnvironment({ home, env, etc: path.join(home, 'etc') }));
  const proxies =
    'https://a.test/, https://me:secret@b.test/,HTTPS://me:secret@c.test/|secret,file:///secret| direct ,secret:off';
  expect(await told({ GOPROXY: proxies })).toBe(
    '{"GOPROXY":"https://a.test/,https://b.test/,https://c.test/|direct"}',
  );
  expect(await read({ GOPROXY: proxies })).toEqual(
    expect.arrayContaining(['a.test:443 named', 'b.test:443 named', 'c.test:443 named']),
  );
  const odd = [
    'https://a.test/ https://me:secret@b.test/',
    'https://a.test/,https://me:secret@b.test/',
    'https://a.test/secret@b.test/',
    'https:\\\\me:secret@a.test\\secret',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: npm itself fills in the variable.
    'https://a.test/${TOKEN}/',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: npm itself fills in the variable.
    'https://${HOST}/',
    'me:secret@a.test',
    'secret',
  ];
  for (const text of odd) {
    const env = { npm_config_registry: text, PIP_INDEX_URL: text, TOKEN: 'secret', HOST: 'a.test/secret' };
    expect([text, await told({ ...env, GOPROXY: text })]).toEqual([
      text,
      expect.not.stringContaining('secret'),
    ]);
  }
});

test('tools inside are told the chosen registries, without credentials and without what only the user may know', async () => {
  const told = (env: Record<string, string> = {}) =>
    registryEnvironment({ home, env, etc: path.join(home, 'etc') });
  expect(await told()).toEqual({});
  await write(
    '.npmrc',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: npm itself fills in the variable.
    'registry=https://me:${PASSWORD}@npm.test:8443/all/\n//npm.test/:_authToken=secret\n',
  );
  await write('.pip/pip.conf', '[global]\nindex-url = https://me:secret@pip.test/simple?token=secret\n');
  expect(await told({ PASSWORD: 'secret', GOPROXY: 'https://me:secret@go.test/,direct' })).toEqual({
    npm_config_registry: 'https://npm.test:8443/all/',
    YARN_NPM_REGISTRY_SERVER: 'https://npm.test:8443/all/',
    PIP_INDEX_URL: 'https://pip.test/simple',
    UV_DEFAULT_INDEX: 'https://pip.test/simple',
    GOPROXY: 'https://go.test/,direct',
  });
});
