/**
 * Codex through its ACP adapter, tried with codex-acp 2.6.0, which brings its own program. A failed model request looks
 * like success: the error's JSON comes as a message, then the turn ends without usage.
 */
import { type AcpProfile, MIB, TOKEN_VARIABLE } from './profile.ts';

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
  readFailure: ({ hasUsage, lastMessage }) => (hasUsage ? undefined : errorIn(lastMessage)),
};

const errorIn = (message: string): string | undefined => {
  const text = message.trim();
  return text === '' || /"?(error|status|message)"?\s*:/i.test(text)
    ? text || 'The turn ended without an answer of the model.'
    : undefined;
};

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
