import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hostGit } from '../../test/git/sample.ts';
import type { DriverFacts } from '../machines/drivers.ts';
import { type DoctorParts, examine } from './doctor.ts';
import { kernelCheck, nodeCheck, sqliteCheck } from './versions.ts';

const driver = (name: string, health: DriverFacts['health'], isDefault: boolean): DriverFacts => ({
  name,
  health,
  isDefault,
  isolation: 'container',
  detail: `${name} says so`,
  facets: [],
});

const partsOf = (parts: Partial<DoctorParts> = {}, found: DriverFacts[] = []): DoctorParts => ({
  git: hostGit().run,
  drivers: {
    describe: async () => found,
    findDefault: async () => ({ name: 'oci', reason: 'the configuration names it' }),
  },
  agents: { describe: async () => [] },
  defaultAgent: 'main',
  modelProviders: ['openai', 'gemini'],
  troubles: { list: () => [] },
  ...parts,
});

const agent = (name: string, available: boolean) => ({ name, available, detail: `${name} says so` });

describe('the doctor', () => {
  const folders: string[] = [];
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });

  const gitThat = async (says: string | undefined) => {
    const folder = await mkdtemp(join(tmpdir(), 'berth-git-'));
    folders.push(folder);
    if (says !== undefined) {
      await writeFile(join(folder, 'git'), `#!/bin/sh\necho '${says}'\n`);
      await chmod(join(folder, 'git'), 0o755);
    }
    return hostGit({ PATH: folder }).run;
  };
  const check = async (parts: DoctorParts, name: string) =>
    (await examine(parts)).find((one) => one.name === name);

  it.each([
    ['git version 2.39.0', true, /^git 2\.39\.0 has CVE-2024-32002 .+, has CVE-2025-48384/],
    ['git version 2.50.1', true, /^git 2\.50\.1$/],
    ['git version 3.0.1', true, /^git 3\.0\.1$/],
    ['git version 2.38.9', false, /^git 2\.38\.9/],
    ['git version 1.99.0', false, /^git 1\.99\.0/],
    ['nothing to say', false, /^git cannot be started$/],
    [undefined, false, /^git cannot be started$/],
  ])('judges %s', async (says, ok, detail) => {
    const found = await check(partsOf({ git: await gitThat(says) }), 'git');
    expect(found).toMatchObject({ ok, detail: expect.stringMatching(detail) });
    expect(found?.hint !== undefined).toBe(!ok);
  });

  it('judges Node and the kernel by their floors', async () => {
    expect(await check(partsOf(), 'node')).toMatchObject({
      ok: true,
      detail: `node ${process.versions.node}`,
    });
    expect(nodeCheck('20.20.2')).toMatchObject({ ok: false, hint: expect.stringContaining('22.19') });
    expect(nodeCheck('22.22.1')).toEqual({
      name: 'node',
      ok: true,
      detail: expect.stringMatching(
        /^node 22\.22\.1 has CVE-2026-21714 \([^)]+\), has CVE-2026-56846 \([^)]+\)$/,
      ),
    });
    expect(nodeCheck('24.9.0').detail).toMatch(/CVE-2025-59465 .+CVE-2026-21714/);
    expect(sqliteCheck('3.51.2')).toMatchObject({ ok: false, hint: expect.stringContaining('npm ci') });
    for (const version of ['3.44.6', '3.50.7', '3.51.3', '3.54.1'])
      expect(sqliteCheck(version)).toEqual({ name: 'sqlite', ok: true, detail: `SQLite ${version}` });
    expect(await check(partsOf(), 'sqlite')).toMatchObject({ ok: true });
    expect(kernelCheck('5.14.0-362.el9')).toEqual({
      name: 'kernel',
      ok: true,
      detail: 'Linux 5.14.0-362.el9',
    });
    expect(kernelCheck('5.10.0-28-amd64')).toMatchObject({
      ok: false,
      hint: expect.stringContaining('5.14'),
    });
  });

  it('complains of an absent driver only when it is the default', async () => {
    const found = [driver('oci', 'absent', true), driver('other', 'absent', false)];
    const parts = partsOf({}, found);
    expect(await check(parts, 'driver oci')).toEqual({
      name: 'driver oci',
      ok: false,
      detail: 'default (the configuration names it), isolation container, absent: oci says so',
      hint: 'oci says so',
    });
    expect(await check(parts, 'driver other')).toEqual({
      name: 'driver other',
      ok: true,
      detail: 'isolation container, absent: other says so',
    });
  });

  it('complains of an absent agent only when it is the default', async () => {
    const absent = partsOf({
      agents: { describe: async () => [agent('main', false), agent('other', false)] },
    });
    expect(await check(absent, 'agent main')).toMatchObject({
      ok: false,
      detail: 'default: main says so',
      hint: 'main says so',
    });
    expect(await check(absent, 'agent other')).toEqual({
      name: 'agent other',
      ok: true,
      detail: 'optional, not here: other says so',
    });
    const present = partsOf({ agents: { describe: async () => [agent('main', true)] } });
    expect((await check(present, 'agent main'))?.hint).toBeUndefined();
  });

  it('wants a model provider', async () => {
    expect(await check(partsOf(), 'models')).toEqual({
      name: 'models',
      ok: true,
      detail: 'providers: openai, gemini',
    });
    const none = await check(partsOf({ modelProviders: [] }), 'models');
    expect(none).toMatchObject({ ok: false, hint: expect.stringContaining('ANTHROPIC_API_KEY') });
  });
});
