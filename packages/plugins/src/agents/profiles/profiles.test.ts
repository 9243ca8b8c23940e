/** The facts about each agent, as they were measured: commands, environment, files, and what is never in them. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentHost, ModelAccess } from '@berth/plugin-api';
import { describe, expect, it } from 'vitest';
import { claudeCodeProfile } from '../claude-code.ts';
import { codexProfile } from '../codex.ts';
import { geminiProfile } from '../gemini.ts';
import { opencodeProfile } from '../opencode.ts';
import { qwenProfile } from '../qwen.ts';
import { type AcpProfile, locate } from './profile.ts';

const TOKEN = 'token-of-the-attempt';
const launch = (profile: AcpProfile) => {
  const model: ModelAccess = {
    provider: 'acme',
    wire: profile.wires[0] ?? 'openai',
    model: 'the "model"',
    baseUrl: 'http://berth.internal/models/acme',
    token: TOKEN,
  };
  return profile.launch({ model, home: '/home/agent', cwd: '/workspace/project' });
};
const hostWith = (...files: string[]): AgentHost => ({
  resolve: (file) => (files.includes(file) ? `/opt/node_modules/${file}` : undefined),
  log: () => undefined,
});

describe.each([opencodeProfile, claudeCodeProfile, codexProfile, geminiProfile, qwenProfile])(
  '$name',
  (profile) => {
    it('keeps the token out of files and arguments, and points at the relay', () => {
      const { args, env, files } = launch(profile);
      expect(JSON.stringify([args, files])).not.toContain(TOKEN);
      expect(Object.values(env)).toContain(TOKEN);
      expect(JSON.stringify([env, files])).toContain('http://berth.internal/models/acme');
      for (const path of Object.keys(files)) expect(path).toMatch(/^\/home\/agent\/\./);
    });

    it('names what to install when it is not there', () => {
      expect(profile.package).toMatch(/^@?[\w./-]+@\d+\.\d+\.\d+$/);
      expect(locate(profile, hostWith())).toBeUndefined();
    });
  },
);

describe('where programs are', () => {
  it('shows the folder of a binary, and starts it from there', () => {
    const file = 'tool-here/bin/tool';
    const profile: AcpProfile = {
      ...opencodeProfile,
      programs: [
        { kind: 'binary', file: 'tool-elsewhere/bin/tool', machine: 'plan9-mips' },
        { kind: 'binary', file, machine: `${process.platform}-${process.arch}` },
      ],
    };
    const located = locate(profile, hostWith('tool-elsewhere/bin/tool', file));
    expect(located?.tools).toEqual([
      { source: '/opt/node_modules/tool-here/bin', target: '/opt/berth/agents/opencode' },
    ]);
    expect(located?.command((target) => `/inside${target}`)).toEqual([
      '/inside/opt/berth/agents/opencode/tool',
    ]);
  });

  it('finds OpenCode below its own package, where a global installation puts it', () => {
    const files = opencodeProfile.programs.map(({ file }) => file);
    expect(files).toContain('opencode-ai/node_modules/opencode-linux-x64/bin/opencode');
    expect(files.indexOf('opencode-linux-x64-baseline/bin/opencode')).toBeLessThan(
      files.findIndex((file) => file.startsWith('opencode-ai/')),
    );
  });

  it('shows a script with the packages beside it, and runs it on this Node', () => {
    const file = '@agentclientprotocol/codex-acp/dist/index.js';
    const located = locate(codexProfile, hostWith(file));
    expect(located?.tools[0]).toEqual({
      source: '/opt/node_modules',
      target: '/opt/berth/agents/codex/node_modules',
    });
    expect(located?.command((target) => target)).toEqual([
      '/opt/berth/agents/node/node',
      `/opt/berth/agents/codex/node_modules/${file}`,
    ]);
  });
});

it('starts a script so that it finds the packages beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-programs-'));
  try {
    const [file, packages, inside] = ['tool/index.cjs', join(folder, 'packages'), join(folder, 'inside')];
    for (const name of ['tool', 'beside']) mkdirSync(join(packages, name), { recursive: true });
    writeFileSync(join(packages, file), "process.stdout.write(require('beside'));\n");
    writeFileSync(join(packages, 'beside/index.js'), "module.exports = 'found';\n");
    const profile: AcpProfile = { ...codexProfile, programs: [{ kind: 'script', file }] };
    const located = locate(profile, {
      resolve: (asked) => join(packages, asked),
      log: () => undefined,
    });
    const [shown] = located?.tools ?? [];
    cpSync(shown?.source ?? '', join(inside, shown?.target ?? ''), { recursive: true });
    const script = located?.command((target) => join(inside, target))[1] ?? '';
    expect(execFileSync(process.execPath, [script], { encoding: 'utf8' })).toBe('found');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('what agents need to be told', () => {
  it('OpenCode: its provider, no questions, no other traffic', () => {
    const { env, files } = launch(opencodeProfile);
    expect(env).toMatchObject({
      OPENCODE_CONFIG: '/home/agent/.berth/opencode.json',
      OPENCODE_DISABLE_MODELS_FETCH: '1',
    });
    expect(JSON.parse(files['/home/agent/.berth/opencode.json'] ?? '')).toMatchObject({
      autoupdate: false,
      share: 'disabled',
      enabled_providers: ['berth'],
      permission: { '*': 'allow' },
      provider: { berth: { options: { baseURL: 'http://berth.internal/models/acme/v1' } } },
    });
  });

  it('Claude Code: that it is in a sandbox', () => {
    expect(launch(claudeCodeProfile).env).toMatchObject({
      ANTHROPIC_BASE_URL: 'http://berth.internal/models/acme',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      IS_SANDBOX: '1',
    });
    expect(claudeCodeProfile.mode).toBe('bypassPermissions');
  });

  it('Codex: text from outside cannot leave its quotes in the configuration', () => {
    const config = launch(codexProfile).files['/home/agent/.codex/config.toml'];
    expect(config).toContain('model = "the \\"model\\""');
    expect(config).toContain('approval_policy = "never"');
    expect(config).toContain('wire_api = "responses"');
  });

  it('Codex: a thread that failed is told from one that works, is done, or tries again', () => {
    const note = (codex: object) => ({
      sessionId: 's',
      update: { sessionUpdate: 'session_info_update', _meta: { codex } },
    });
    const isFailure = codexProfile.isFailure;
    expect(isFailure?.(note({ threadStatus: { type: 'systemError' } }))).toBe(true);
    expect(isFailure?.(note({ threadStatus: { type: 'active', activeFlags: [] } }))).toBe(false);
    expect(isFailure?.(note({ threadStatus: { type: 'idle' } }))).toBe(false);
    const retry = { message: 'Reconnecting... 3/5', additionalDetails: 'status 503', willRetry: true };
    expect(isFailure?.(note({ error: retry }))).toBe(false);
    expect(isFailure?.({ update: { sessionUpdate: 'session_info_update', title: 'Fix it' } })).toBe(false);
  });

  it('Gemini and Qwen: no statistics, no questions', () => {
    const gemini = launch(geminiProfile);
    expect(gemini.args).toEqual(['--acp', '--skip-trust', '-m', 'the "model"']);
    expect(JSON.parse(gemini.files['/home/agent/.gemini/settings.json'] ?? '')).toMatchObject({
      security: { auth: { selectedType: 'gemini-api-key' } },
      privacy: { usageStatisticsEnabled: false },
    });
    const qwen = launch(qwenProfile);
    expect(qwen.args).toEqual(['--acp', '--auth-type', 'openai']);
    expect(qwen.files['/home/agent/.qwen/settings.json']).toContain('"usageStatisticsEnabled": false');
  });
});
