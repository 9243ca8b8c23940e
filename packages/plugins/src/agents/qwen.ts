import { acpPlugin } from './acp/acp-agent.ts';
import { type AcpProfile, json, MIB } from './profiles/profile.ts';

/**
 * Qwen Code, tested with 0.24.4: speaks ACP itself. Without these settings it reports telemetry, and sends two more
 * model requests after each turn: what the user might say next, and what to remember.
 */
export const qwenProfile: AcpProfile = {
  name: 'qwen',
  package: '@qwen-code/qwen-code@0.24.4',
  programs: [{ kind: 'script', file: '@qwen-code/qwen-code/cli-entry.js' }],
  wires: ['openai'],
  memoryBytes: 512 * MIB,
  mode: 'yolo',
  launch: ({ model, home }) => ({
    args: ['--acp', '--auth-type', 'openai'],
    env: {
      OPENAI_API_KEY: model.token,
      OPENAI_BASE_URL: `${model.baseUrl}/v1`,
      OPENAI_MODEL: model.model,
    },
    files: {
      [`${home}/.qwen/settings.json`]: json({
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { disableAutoUpdate: true },
        ui: { enableFollowupSuggestions: false },
        memory: { enableManagedAutoMemory: false, enableManagedAutoDream: false },
      }),
    },
  }),
};

export default acpPlugin(qwenProfile);
