import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from './config.ts';
import { fromArguments } from './environment.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-config-'));
});
afterEach(() => rm(home, { recursive: true }));

const load = (env: Record<string, string> = {}, flags: Record<string, unknown> = {}) =>
  loadConfig({ env: { BERTH_HOME: home, ...env }, flags, isRoot: false }).then(({ config }) => config);
const file = (value: unknown) =>
  writeFile(join(home, 'config.json'), typeof value === 'string' ? value : JSON.stringify(value));
const issuesOf = async (loading: Promise<unknown>): Promise<{ path: string; message: string }[]> => {
  const error = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'config.invalid' });
  return (error as { details: { issues: { path: string; message: string }[] } }).details.issues;
};

describe('the configuration', () => {
  it('has these defaults', async () => {
    expect(await load()).toEqual({
      home,
      host: '127.0.0.1',
      port: 8080,
      allowedHosts: [],
      socketPath: join(home, 'run', 'berth.sock'),
      defaultDrivers: [],
      drivers: {},
      agents: {},
      defaultAgent: 'opencode',
      models: { providers: {}, default: undefined },
      defaults: {
        limits: { cpus: 2, memoryBytes: 4 * 2 ** 30, pids: 512, diskBytes: 20 * 2 ** 30, inodes: 1_000_000 },
        egress: { preset: 'none' },
        gate: 'standard',
        agent: 'opencode',
        trustedGateDrivers: [],
        maxSandboxes: 20,
        keepAliveMs: 300_000,
        maxRounds: 3,
        gateTimeoutMs: 600_000,
        alteredTests: true,
        targetGateWaitMs: 600_000,
        setupTimeoutMs: 300_000,
      },
      turnLimits: { startMs: 60_000, silenceMs: 300_000, turnMs: 7_200_000 },
      retention: {
        runsMs: 604_800_000,
        eventsMs: 2_592_000_000,
        maxEvents: 500_000,
        maxEventBytes: 2 ** 30,
        tasksMs: 7_776_000_000,
        sandboxesMs: 2_592_000_000,
        refsMs: 2_592_000_000,
        tokensMs: 2_592_000_000,
        approvalsMs: 1_209_600_000,
      },
      logLevel: 'info',
    });
  });

  it('takes flags over the environment over the file, field by field', async () => {
    await file({ port: 1, host: 'localhost', defaults: { maxSandboxes: 7, maxRounds: 2 } });
    const config = await load({ ORCHESTRATOR_PORT: '2', BERTH_MAX_SANDBOXES: '8' }, { port: 3 });
    expect([config.port, config.host]).toEqual([3, 'localhost']);
    expect(config.defaults).toMatchObject({ maxSandboxes: 8, maxRounds: 2, limits: { pids: 512 } });
    expect((await load({ ORCHESTRATOR_PORT: '2', BERTH_PORT: '4' })).port).toBe(4);
  });

  it('takes one default driver or several, in their order', async () => {
    expect((await load({ BERTH_DRIVER: 'oci' })).defaultDrivers).toEqual(['oci']);
    expect((await load({ BERTH_DRIVER: 'oci, memory' })).defaultDrivers).toEqual(['oci', 'memory']);
    const flags = fromArguments(['--driver', 'memory,oci']);
    expect((await load({ BERTH_DRIVER: 'oci' }, flags)).defaultDrivers).toEqual(['memory', 'oci']);
  });

  it('takes a policy as a whole, and from the environment as on the command line', async () => {
    await file({ defaults: { egress: { preset: 'custom', allow: ['example.com'] } } });
    const policyBy = async (text: string) => (await load({ BERTH_EGRESS: text })).defaults.egress;
    expect(await policyBy('')).toEqual({ preset: 'custom', allow: ['example.com'] });
    expect(await policyBy('none')).toEqual({ preset: 'none' });
    expect(await policyBy('packages')).toEqual({ preset: 'packages' });
    const allow = ['packages', '*.example.org:8443'];
    expect(await policyBy(allow.join(', '))).toEqual({ preset: 'custom', allow });
    const [issue] = await issuesOf(load({ BERTH_EGRESS: 'http://example.com/' }));
    expect(issue?.path).toBe('BERTH_EGRESS');
  });

  it('tells all problems of all sources at once, each at the place where it was written', async () => {
    await file({ prot: 1, drivers: { oci: 5 }, defaults: { limits: { cpus: 'x', disk: 1 } }, host: 'A B' });
    const issues = await issuesOf(
      load({ BERTH_PORT: 'many', BERTH_LOG_LEVEL: 'loud' }, { defaultAgent: 'X!' }),
    );
    const told = Object.fromEntries(issues.map(({ path, message }) => [path, message]));
    const written = ['defaults.limits.cpus', 'defaults.limits.disk', 'drivers.oci', 'host', 'prot'];
    const inFile = (key: string) => `${key} in ${join(home, 'config.json')}`;
    expect(Object.keys(told).sort()).toEqual(
      ['--agent', 'BERTH_LOG_LEVEL', 'BERTH_PORT', ...written.map(inFile)].sort(),
    );
    expect(told.BERTH_PORT).toBe('must be a whole number from 0 to 65535');
    expect(told.BERTH_LOG_LEVEL).toBe('must be one of debug, info, warn, error, silent');
    expect(told[inFile('prot')]).toBe('is not a known field');
    expect(told[inFile('defaults.limits.cpus')]).toBe('must be a number, not "x"');
    expect(Object.values(told).join()).not.toMatch(/expected|received|invalid|undefined/i);
  });

  it('refuses a file that is no JSON object', async () => {
    for (const text of ['{', '[]', '"x"', '']) {
      await file(text);
      expect((await issuesOf(load()))[0]?.path).toBe(join(home, 'config.json'));
    }
  });

  it('knows the usual keys of model providers and never shows them', async () => {
    await file({
      models: { providers: { mine: { wire: 'openai', baseUrl: 'http://127.0.0.1:1/v1', key: 'file-key' } } },
    });
    const config = await load({
      ANTHROPIC_API_KEY: 'sk-canary',
      OPENAI_BASE_URL: 'http://127.0.0.1:2/v1',
      GEMINI_API_KEY: '',
    });
    const { anthropic, openai, mine, gemini } = config.models.providers;
    expect(anthropic).toMatchObject({ wire: 'anthropic', baseUrl: 'https://api.anthropic.com' });
    expect(anthropic?.key?.reveal()).toBe('sk-canary');
    expect(mine?.key?.reveal()).toBe('file-key');
    expect(openai).toEqual({ wire: 'openai', baseUrl: 'http://127.0.0.1:2/v1', key: undefined });
    expect(gemini).toBeUndefined();
    const shown = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      `${anthropic?.key}`,
    ];
    expect(shown.join()).not.toMatch(/sk-canary|file-key/);
    expect(shown.join()).toContain('•••');
  });

  it('does not tell a key that is refused', async () => {
    const issues = await issuesOf(load({ OPENAI_API_KEY: 'sk canary' }));
    expect(issues[0]?.path).toBe('OPENAI_API_KEY');
    expect(JSON.stringify(issues)).not.toContain('canary');
  });

  it('is frozen to the last leaf', async () => {
    const config = await load();
    expect(() => Object.assign(config.defaults.limits, { cpus: 1 })).toThrow(TypeError);
  });

  it('puts the home where users and root expect it', async () => {
    const homeOf = async (env: Record<string, string>, isRoot: boolean) =>
      (await loadConfig({ env, isRoot, flags: {} })).config.home;
    expect(await homeOf({}, true)).toBe('/var/lib/berth');
    expect(await homeOf({ XDG_DATA_HOME: home }, false)).toBe(join(home, 'berth'));
    expect(await homeOf({ HOME: home, XDG_DATA_HOME: 'relative' }, false)).toBe(
      join(home, '.local/share/berth'),
    );
  });

  it('refuses a socket path that the system would cut off', async () => {
    expect((await issuesOf(load({ BERTH_SOCKET: `/tmp/${'x'.repeat(110)}` })))[0]?.path).toBe('BERTH_SOCKET');
  });
});
