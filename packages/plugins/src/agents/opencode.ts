import { acpPlugin } from './acp/acp-agent.ts';
import { opencodeProfile } from './profiles/opencode.ts';

export default acpPlugin(opencodeProfile);
