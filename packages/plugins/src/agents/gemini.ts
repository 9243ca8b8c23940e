import { acpPlugin } from './acp/acp-agent.ts';
import { type AcpProfile, json, MIB } from './profiles/profile.ts';

/** Gemini CLI, tested with 0.61.0: speaks ACP itself. In an untrusted folder, "yolo" becomes "ask". */
export const geminiProfile: AcpProfile = {
  name: 'gemini',
  package: '@google/gemini-cli@0.61.0',
  programs: [{ kind: 'script', file: '@google/gemini-cli/bundle/gemini.js' }],
  wires: ['gemini'],
  memoryBytes: 384 * MIB,
  mode: 'yolo',
  launch: ({ model, home }) => ({
    args: ['--acp', '--skip-trust', '-m', model.model],
    env: {
      GEMINI_API_KEY: model.token,
      GOOGLE_GEMINI_BASE_URL: model.baseUrl,
      GEMINI_CLI_NO_RELAUNCH: 'true',
    },
    files: {
      [`${home}/.gemini/settings.json`]: json({
        security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { disableAutoUpdate: true },
      }),
    },
  }),
};

export default acpPlugin(geminiProfile);
