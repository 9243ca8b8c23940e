import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hostGit } from '../../test/git/sample.ts';
import type { DriverFacts, Drivers } from '../machines/drivers.ts';
import { createSystemWork, type SystemWorkParts } from './system-work.ts';
import { kernelCheck, nodeCheck, sqliteCheck } from './version-checks.ts';

const driver = (name: string, health: DriverFacts['health'], isDefault: boolean): DriverFacts => ({
  name,
  health,
  isDefault,
  isolation: 'container',
  detail: `${name} says so`,
  facets: [],
});

const JOBS = { waiting: 1, active: 0, done: 0, failed: 0, cancelled: 0 };

const work = (parts: Partial<SystemWorkParts> = {}, found: DriverFacts[] = []) =>
  createSystemWork({
    git: hostGit().run,
    drivers: { defaultName: 'oci', describe: async () => found } as Partial<Drivers> as Drivers,
    agents: { describe: async () => [] },
    defaultAgent: 'main',
    modelProviders: ['openai', 'gemini'],
    core: { troubles: { list: () => [] }, queue: { stats: async () => JOBS } },
    isWorking: () => true,
    shutdown: async () => undefined,
    ...parts,
  });

const agent = (name: string, available: boolean) => ({ name, available, detail: `${name} says so` });

describe('cheap facts', () => {
  it('tell the default driver and the jobs, and pass the shutdown on', async () => {
    const shutdown = vi.fn(async () => undefined);
    const system = work({ shutdown });
    expect(system.defaultDriver()).toBe('oci');
    await expect(system.jobs()).resolves.toEqual(JOBS);
    void system.shutdown({ removeSandboxes: true });
    expect(shutdown).toHaveBeenCalledExactlyOnceWith({ removeSandboxes: true });
  });

  it.each([true, false])('say whether work is taken: %s', async (working) => {
    const [check] = await work({ isWorking: () => working }).checks();
    expect(check).toMatchObject({ name: 'work', ok: working });
    expect(check?.detail).toMatch(working ? /taken from the queue/ : /starting or stopping/);
  });

  it('list what there is', async () => {
    const found = [driver('oci', 'absent', true)];
    const said = await work({}, found).capabilities();
    expect(said).toEqual({ drivers: found, agents: [], modelProviders: ['openai', 'gemini'] });
  });
});

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
  const check = async (system: ReturnType<typeof work>, name: string) =>
    (await system.doctor()).find((one) => one.name === name);

  it.each([
    ['git version 2.39.0', true, /^git 2\.39\.0 has CVE-2024-32002 .+, has CVE-2025-48384/],
    ['git version 2.50.1', true, /^git 2\.50\.1$/],
    ['git version 3.0.1', true, /^git 3\.0\.1$/],
    ['git version 2.38.9', false, /^git 2\.38\.9/],
    ['git version 1.99.0', false, /^git 1\.99\.0/],
    ['nothing to say', false, /^git cannot be started$/],
    [undefined, false, /^git cannot be started$/],
  ])('judges %s', async (says, ok, detail) => {
    const found = await check(work({ git: await gitThat(says) }), 'git');
    expect(found).toMatchObject({ ok, detail: expect.stringMatching(detail) });
    expect(found?.hint !== undefined).toBe(!ok);
  });

  it('judges Node and the kernel by their floors', async () => {
    expect(await check(work(), 'node')).toMatchObject({ ok: true, detail: `node ${process.versions.node}` });
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
    expect(await check(work(), 'sqlite')).toMatchObject({ ok: true });
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
    const system = work({}, found);
    expect(await check(system, 'driver oci')).toEqual({
      name: 'driver oci',
      ok: false,
      detail: 'default, isolation container, absent: oci says so',
      hint: 'oci says so',
    });
    expect(await check(system, 'driver other')).toEqual({
      name: 'driver other',
      ok: true,
      detail: 'isolation container, absent: other says so',
    });
  });

  it('complains of an absent agent only when it is the default', async () => {
    const absent = work({ agents: { describe: async () => [agent('main', false), agent('other', false)] } });
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
    const present = work({ agents: { describe: async () => [agent('main', true)] } });
    expect((await check(present, 'agent main'))?.hint).toBeUndefined();
  });

  it('wants a model provider', async () => {
    expect(await check(work(), 'models')).toEqual({
      name: 'models',
      ok: true,
      detail: 'providers: openai, gemini',
    });
    const none = await check(work({ modelProviders: [] }), 'models');
    expect(none).toMatchObject({ ok: false, hint: expect.stringContaining('ANTHROPIC_API_KEY') });
  });
});
