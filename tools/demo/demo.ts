/**
 * `npm run demo`: an end-to-end run on an example, from a red test suite to a landed fix. Everything is real; but
 * without a model key in the environment a scripted model endpoint stands in, and the demo says so.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startScriptedModel } from '@berth/plugin-api/fakes';
import { ensurePackages } from '../system-packages.ts';
import { DEMO_SCRIPTS } from './script.ts';

const PROMPT = 'The test suite fails: money gets lost when an amount is split. Find the cause and fix it.';
const KEYS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY'] as const;
const BERTH = fileURLToPath(new URL('../../packages/cli/bin/berth.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('./example', import.meta.url));

const startedAt = performance.now();
const say = (text: string): void => console.log(text);
const title = (text: string): void => say(`\n── ${text} ${'─'.repeat(Math.max(0, 70 - text.length))}`);

const main = async (): Promise<number> => {
  const missing = ensurePackages();
  if (missing.length > 0) {
    for (const sentence of missing) console.error(sentence);
    return 6;
  }
  const folder = mkdtempSync(join(tmpdir(), 'berth-demo-'));
  // Sandboxes run as separate users, who need to traverse this folder.
  chmodSync(folder, 0o711);
  const model = await modelEnvironment();
  const env = { ...process.env, ...model.env, BERTH_HOME: join(folder, 'home'), BERTH_PORT: '0' };
  const home = join(folder, 'home');
  try {
    const repository = makeRepository(folder);
    title('The example: its tests fail');
    say(failures(repository));
    title('berth run');
    say(model.note);
    const exitCode = await berth(['run', PROMPT, '--repo', repository], env);
    if (exitCode !== 0) {
      console.error(readFileSync(join(home, 'server.log'), 'utf8').slice(-4000));
      return exitCode;
    }
    title('What landed');
    say(git(repository, 'diff', '--no-color', 'HEAD', 'berth/main').trimEnd());
    git(repository, 'merge', '--quiet', '--ff-only', 'berth/main');
    title('The example after `git merge --ff-only berth/main`');
    say(failures(repository));
    title('Addresses');
    const { health } = JSON.parse(await output(['status', '--json'], env));
    say(
      `API        ${health.address}/v1   (reference: ${health.address}/docs, OpenAPI: ${health.address}/openapi.json)`,
    );
    say(`token      ${join(home, 'owner-token')}   (this home was temporary and is removed now)`);
    say(`\nDone in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
    return 0;
  } finally {
    await berth(['down', '--remove-sandboxes'], env);
    await model.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Model {
  readonly env: Readonly<Record<string, string>>;
  readonly note: string;
  close(): Promise<void>;
}

const modelEnvironment = async (): Promise<Model> => {
  const found = KEYS.find((name) => process.env[name]);
  if (found !== undefined)
    return { env: {}, note: `model: by the key in ${found}`, close: async () => undefined };
  const requireKey = randomBytes(16).toString('hex');
  const scripted = await startScriptedModel({ scripts: DEMO_SCRIPTS, requireKey });
  return {
    env: {
      OPENAI_API_KEY: requireKey,
      OPENAI_BASE_URL: `${scripted.url}/v1`,
      BERTH_MODEL: 'openai/scripted',
    },
    note: `model: SCRIPTED. No key (${KEYS.join(', ')}) is in the environment, so a scripted endpoint answers for the model;\nthe agent (OpenCode), its tools, the sandbox, the tests and git are real.`,
    close: () => scripted.close(),
  };
};

const makeRepository = (folder: string): string => {
  const repository = join(folder, 'fair-split');
  cpSync(EXAMPLE, repository, { recursive: true });
  git(repository, 'init', '--quiet', '--initial-branch', 'main');
  git(repository, 'add', '--all');
  git(repository, 'commit', '--quiet', '--message', 'Split amounts of money');
  return repository;
};

const git = (repository: string, ...args: readonly string[]): string =>
  execFileSync(
    'git',
    ['-C', repository, '-c', 'user.name=Demo', '-c', 'user.email=demo@berth.localhost', ...args],
    {
      encoding: 'utf8',
    },
  );

/** The names of the failing tests, as printed by the example's test suite. */
const failures = (repository: string): string => {
  const { stdout } = spawnSync('npm', ['test'], { cwd: repository, encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => /^(?:not )?ok \d|^[✔✖] .*\(/.test(line));
  return [...new Set(lines.map((line) => line.trim()))].join('\n');
};

const berth = (args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BERTH, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });

const output = async (args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  execFileSync(process.execPath, [BERTH, ...args], { env, encoding: 'utf8' });

process.exitCode = await main();
