import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createContents } from './contents.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-contents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const archive = join(folder, 'image.tar');
const bin = join(folder, 'node', 'bin');
mkdirSync(bin, { recursive: true });
writeFileSync(archive, 'one');
writeFileSync(join(bin, 'node'), 'one');

const contentsWith = (env: Readonly<Record<string, string>> = {}) =>
  createContents({
    added: (spec) => ({ ...spec, env, tools: [{ source: bin, target: '/opt/berth/toolchains/node/bin' }] }),
  });
const OCI = { driver: 'oci', isolation: 'container', image: undefined } as const;
/** As `mv` and package managers do: another file under the same name. */
const replace = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
};

test('an image is its content, whatever its path: replaced, it is another one, and back again the same', async () => {
  const { identify } = contentsWith();
  const made = { ...OCI, image: archive };
  const before = await identify(made);
  expect(await identify(made)).toBe(before);
  replace(archive, 'two');
  expect(await identify(made)).not.toBe(before);
  replace(archive, 'one');
  expect(await identify(made)).toBe(before);
  const elsewhere = join(folder, 'copy.tar');
  writeFileSync(elsewhere, 'one');
  expect(await identify({ ...made, image: elsewhere })).toBe(before);
});

test('a toolchain with another program in it, another registry, driver or isolation make another sandbox', async () => {
  const { identify } = contentsWith();
  const before = await identify(OCI);
  expect(await identify(OCI)).toBe(before);
  const others = [
    await identify({ ...OCI, driver: 'other' }),
    await identify({ ...OCI, isolation: 'microvm' }),
    await identify({ ...OCI, image: archive }),
    await contentsWith({ npm_config_registry: 'http://127.0.0.1' }).identify(OCI),
  ];
  replace(join(bin, 'node'), 'two');
  others.push(await identify(OCI));
  expect(new Set([before, ...others]).size).toBe(others.length + 1);
});

test('an image that is not there has an identity, for the driver says what is wrong with it', async () => {
  const { identify } = contentsWith();
  const missing = { ...OCI, image: join(folder, 'missing.tar') };
  expect(await identify(missing)).toBe(await identify(missing));
});
