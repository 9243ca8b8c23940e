/** What runs in a browser or in a sandbox contains nothing of the server. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const contentsOf = async (entry: string, platform: 'browser' | 'node') => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform,
    external: ['@lydell/node-pty'],
  });
  return Object.keys(metafile.inputs).map((path) => path.replace(/^node_modules\/@berth\//, 'packages/'));
};

describe('bundles', () => {
  test.each([
    ['packages/sdk/src/index.ts', 'browser'],
    ['packages/sdk/src/node.ts', 'node'],
    ['packages/guest/src/main.ts', 'node'],
  ] as const)('%s holds contract and itself alone', async (entry, platform) => {
    expect(existsSync(`${root}/${entry}`)).toBe(true);
    const own = entry.split('/').slice(0, 2).join('/');
    const packages = (await contentsOf(entry, platform)).filter((path) => path.startsWith('packages/'));
    expect(packages.length).toBeGreaterThan(5);
    expect(
      packages.filter((path) => !path.startsWith(own) && !path.startsWith('packages/contract/')),
    ).toEqual([]);
  });
});
