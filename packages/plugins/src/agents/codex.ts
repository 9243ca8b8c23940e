import { z } from 'zod';
import { acpPlugin } from './acp/acp-agent.ts';
import { type AcpProfile, MIB, TOKEN_VARIABLE } from './profiles/profile.ts';

/**
 * Codex through its ACP adapter, tested with codex-acp 2.6.0, which includes its program. A failed model request
 * looks like success: only the state of its thread shows it; the reason arrives as a message, and the turn ends
 * normally, with the usage of the earlier requests.
 */
export const codexProfile: AcpProfile = {
  name: 'codex',
  package: '@agentclientprotocol/codex-acp@2.6.0',
  programs: [{ kind: 'script', file: '@agentclientprotocol/codex-acp/dist/index.js' }],
  wires: ['openai'],
  memoryBytes: 384 * MIB,
  mode: 'agent-full-access',
  launch: ({ model, home, cwd }) => ({
    args: [],
    env: { CODEX_HOME: `${home}/.codex`, [TOKEN_VARIABLE]: model.token },
    files: { [`${home}/.codex/config.toml`]: configOf(model.baseUrl, model.model, cwd) },
  }),
  isFailure: (params) => FailedThread.safeParse(params).success,
};

const FailedThread = z.object({
  update: z.object({
    _meta: z.object({ codex: z.object({ threadStatus: z.object({ type: z.literal('systemError') }) }) }),
  }),
});

// JSON strings are valid TOML basic strings.
const quoted = (text: string): string => JSON.stringify(text);

const configOf = (baseUrl: string, model: string, cwd: string): string => `model = ${quoted(model)}
model_provider = "berth"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[projects.${quoted(cwd)}]
trust_level = "trusted"

[analytics]
enabled = false

[features]
apps = false
plugins = false
in_app_updates = false
remote_plugin = false
plugin_sharing = false

[model_providers.berth]
name = "Berth"
base_url = ${quoted(`${baseUrl}/v1`)}
wire_api = "responses"
env_key = "${TOKEN_VARIABLE}"
`;

export default acpPlugin(codexProfile);
