import { acpPlugin } from './acp/acp-agent.ts';
import { geminiProfile } from './profiles/gemini.ts';

export default acpPlugin(geminiProfile);
