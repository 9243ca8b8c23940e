import { chmod, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGrants, openInstallationKey } from './installation-key.ts';
import { secret } from './secret.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-key-'));
});
afterEach(() => rm(home, { recursive: true }));

describe('a secret', () => {
  it('prints as dots wherever it ends up', () => {
    const hidden = secret('canary');
    const error = new Error(`with ${hidden}`, { cause: hidden });
    const shown = [
      String(hidden),
      JSON.stringify({ a: [hidden] }),
      inspect({ a: hidden }, { showHidden: true, depth: 9 }),
      inspect(error, { showHidden: true, depth: 9 }),
      JSON.stringify(Object.entries(hidden).map(([key]) => key)),
    ];
    expect(shown.join()).not.toContain('canary');
    expect(hidden.reveal()).toBe('canary');
  });
});

describe('the installation key', () => {
  const path = () => join(home, 'key');

  it('is made once, for its owner alone', async () => {
    const keys = await Promise.all([openInstallationKey(home), openInstallationKey(home)]);
    expect((await stat(path())).mode & 0o777).toBe(0o600);
    expect((await readFile(path(), 'utf8')).length).toBe(64);
    const again = await openInstallationKey(home);
    expect(new Set([...keys, again].map((key) => key.derive('a', 'b'))).size).toBe(1);
  });

  it('derives values that differ by purpose and name and do not run together', async () => {
    const key = await openInstallationKey(home);
    const values = [key.derive('a', 'b'), key.derive('a', 'c'), key.derive('ab', ''), key.derive('', 'ab')];
    expect(new Set(values).size).toBe(4);
    const grants = createGrants(key);
    expect(grants.tokenFor('sb_1')).toBe(grants.tokenFor('sb_1'));
    expect(grants.tokenFor('sb_1')).not.toBe(grants.tokenFor('sb_2'));
    expect(grants.hash('x')).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is refused when others can read it, when it is a link, and when it is damaged', async () => {
    await openInstallationKey(home);
    const refused = { code: 'config.invalid' };
    await chmod(path(), 0o640);
    await expect(openInstallationKey(home)).rejects.toMatchObject(refused);
    await chmod(path(), 0o600);
    await rename(path(), join(home, 'elsewhere'));
    await symlink(join(home, 'elsewhere'), path());
    await expect(openInstallationKey(home)).rejects.toMatchObject(refused);
    await rm(path());
    await writeFile(path(), 'short', { mode: 0o600 });
    await expect(openInstallationKey(home)).rejects.toMatchObject(refused);
  });
});
