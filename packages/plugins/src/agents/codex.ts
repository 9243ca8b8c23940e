import { acpPlugin } from './acp/acp-agent.ts';
import { codexProfile } from './profiles/codex.ts';

export default acpPlugin(codexProfile);
