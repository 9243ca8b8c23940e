import { acpPlugin } from './acp/acp-agent.ts';
import { type AcpProfile, MIB } from './profiles/profile.ts';

/**
 * Claude Code through its ACP adapter, tested with claude-agent-acp 0.100.0. The adapter includes its program. As
 * root it refuses to skip permissions unless told that it is in a sandbox.
 */
export const claudeCodeProfile: AcpProfile = {
  name: 'claude-code',
  package: '@agentclientprotocol/claude-agent-acp@0.100.0',
  programs: [{ kind: 'script', file: '@agentclientprotocol/claude-agent-acp/dist/index.js' }],
  wires: ['anthropic'],
  memoryBytes: 512 * MIB,
  mode: 'bypassPermissions',
  launch: ({ model }) => ({
    args: [],
    env: {
      ANTHROPIC_BASE_URL: model.baseUrl,
      ANTHROPIC_API_KEY: model.token,
      ANTHROPIC_MODEL: model.model,
      ANTHROPIC_SMALL_FAST_MODEL: model.model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      IS_SANDBOX: '1',
    },
    files: {},
  }),
};

export default acpPlugin(claudeCodeProfile);
