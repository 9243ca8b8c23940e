import { acpPlugin } from './acp/acp-agent.ts';
import { qwenProfile } from './profiles/qwen.ts';

export default acpPlugin(qwenProfile);
