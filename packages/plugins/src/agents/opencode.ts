import { acpPlugin } from './acp/acp-agent.ts';
import { type AcpProfile, json, MIB, type Program, TOKEN_VARIABLE } from './profiles/profile.ts';

/** OpenCode, tested with 1.18.33: speaks ACP itself. Peak memory about 800 MB. */
const binary = (folder: string, machine: string, needsAvx2 = false): Program => ({
  kind: 'binary',
  file: `${folder}/bin/opencode`,
  machine,
  needsAvx2,
});

export const opencodeProfile: AcpProfile = {
  name: 'opencode',
  package: 'opencode-ai@1.18.33',
  // Next to Berth's packages when it is a separate dependency; below its own package when installed globally.
  programs: ['', 'opencode-ai/node_modules/'].flatMap((folder) => [
    binary(`${folder}opencode-linux-x64`, 'linux-x64', true),
    binary(`${folder}opencode-linux-x64-baseline`, 'linux-x64'),
    binary(`${folder}opencode-linux-arm64`, 'linux-arm64'),
    binary(`${folder}opencode-darwin-arm64`, 'darwin-arm64'),
  ]),
  wires: ['openai', 'anthropic', 'gemini'],
  memoryBytes: 1024 * MIB,
  launch: ({ model, home }) => {
    const config = `${home}/.berth/opencode.json`;
    return {
      args: ['acp'],
      env: {
        OPENCODE_CONFIG: config,
        OPENCODE_DISABLE_MODELS_FETCH: '1',
        OPENCODE_DISABLE_AUTOUPDATE: '1',
        OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
        OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
        [TOKEN_VARIABLE]: model.token,
      },
      files: { [config]: json(configOf(model.baseUrl, model.wire, model.model)), ...pluginsOf(home) },
    };
  },
};

/**
 * It installs its plugin library into its folder at every start, unless that looks already done. Without plugins it
 * is unused, and a denied registry would be reported to the user as needed by the work.
 */
const pluginsOf = (home: string) => {
  const folder = `${home}/.config/opencode`;
  const lock = { lockfileVersion: 3, packages: { '': { dependencies: { '@opencode-ai/plugin': '*' } } } };
  return {
    [`${folder}/package-lock.json`]: json(lock),
    [`${folder}/node_modules/.package-lock.json`]: json({}),
  };
};

const PACKAGES = {
  openai: '@ai-sdk/openai-compatible',
  anthropic: '@ai-sdk/anthropic',
  gemini: '@ai-sdk/google',
};
const VERSIONS = { openai: 'v1', anthropic: 'v1', gemini: 'v1beta' };

const configOf = (baseUrl: string, wire: keyof typeof PACKAGES, model: string) => ({
  autoupdate: false,
  share: 'disabled',
  model: `berth/${model}`,
  small_model: `berth/${model}`,
  enabled_providers: ['berth'],
  permission: { '*': 'allow' },
  provider: {
    berth: {
      npm: PACKAGES[wire],
      name: 'Berth',
      options: { baseURL: `${baseUrl}/${VERSIONS[wire]}`, apiKey: `{env:${TOKEN_VARIABLE}}` },
      models: {
        [model]: { name: model, tool_call: true, limit: { context: 128_000, output: 16_000 } },
      },
    },
  },
});

export default acpPlugin(opencodeProfile);
