/**
 * `npm run agents [-- name…]`: installs each agent that Berth has a profile for from npm, in a temporary folder, and
 * runs it through a story in a real sandbox (`story.ts`). Everything is real but the model, which is scripted. Run
 * manually, because it downloads more than a gigabyte; run it whenever the version in a profile changes.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startScriptedModel } from '@berth/plugin-api/fakes';
import { claudeCodeProfile } from '../../packages/plugins/src/agents/claude-code.ts';
import { codexProfile } from '../../packages/plugins/src/agents/codex.ts';
import { geminiProfile } from '../../packages/plugins/src/agents/gemini.ts';
import { opencodeProfile } from '../../packages/plugins/src/agents/opencode.ts';
import { qwenProfile } from '../../packages/plugins/src/agents/qwen.ts';
import { ensurePackages } from '../system-packages.ts';
import { SCRIPTS } from './scripts.ts';
import { type Told, tellStory } from './story.ts';

const KEY = 'the-key-that-stays-outside';
/** Model names that agents recognise, to know which tools to offer. */
const MODELS = { openai: 'gpt-5.5-codex', anthropic: 'claude-opus-4-8', gemini: 'gemini-2.5-flash' };
const PROFILES = [opencodeProfile, claudeCodeProfile, codexProfile, geminiProfile, qwenProfile];

const main = async (wanted: readonly string[]): Promise<number> => {
  const missing = ensurePackages();
  for (const sentence of missing) console.error(sentence);
  if (missing.length > 0) return 6;
  const folder = mkdtempSync(join(tmpdir(), 'berth-agents-'));
  // Sandboxes run as separate users, who need to traverse these folders.
  chmodSync(folder, 0o711);
  const model = await startScriptedModel({ scripts: SCRIPTS, requireKey: KEY });
  const told: Told[] = [];
  try {
    for (const profile of PROFILES) {
      if (wanted.length > 0 && !wanted.includes(profile.name)) continue;
      const place = join(folder, profile.name);
      mkdirSync(place, { mode: 0o711 });
      console.log(`${profile.name}: installing ${profile.package}`);
      execFileSync('npm', ['install', '--global', '--prefix', place, '--silent', profile.package]);
      const [wire = 'openai'] = profile.wires;
      const env = {
        ...process.env,
        ...keysFor(model.url),
        NPM_CONFIG_PREFIX: place,
        BERTH_MODEL: `${wire}/${MODELS[wire]}`,
      };
      told.push(await tellStory({ agent: profile.name, place, env, key: KEY }));
      rmSync(place, { recursive: true, force: true });
    }
  } finally {
    await model.close();
    rmSync(folder, { recursive: true, force: true });
  }
  console.table(told);
  return told.every(({ problem }) => problem === '') ? 0 : 1;
};

const keysFor = (url: string) => ({
  OPENAI_API_KEY: KEY,
  OPENAI_BASE_URL: `${url}/v1`,
  ANTHROPIC_API_KEY: KEY,
  ANTHROPIC_BASE_URL: url,
  GEMINI_API_KEY: KEY,
  GOOGLE_GEMINI_BASE_URL: url,
});

process.exitCode = await main(process.argv.slice(2));
