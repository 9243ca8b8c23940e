import { acpPlugin } from './acp/acp-agent.ts';
import { claudeCodeProfile } from './profiles/claude-code.ts';

export default acpPlugin(claudeCodeProfile);
