/** Which variables of the environment say what, and the keys of model providers that users have there already. */
import type { Issue } from '@berth/contract';
import type { Plain } from './config-merge.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface Found {
  readonly values: Plain;
  readonly issues: Issue[];
}

const TEXTS = {
  BERTH_HOME: ['home'],
  BERTH_HOST: ['host'],
  BERTH_SOCKET: ['socketPath'],
  BERTH_DRIVER: ['defaultDriver'],
  BERTH_AGENT: ['defaultAgent'],
  BERTH_MODEL: ['models', 'default'],
  BERTH_LOG_LEVEL: ['logLevel'],
} as const;

const NUMBERS = {
  // BERTH_PORT comes last and wins.
  ORCHESTRATOR_PORT: ['port'],
  BERTH_PORT: ['port'],
  BERTH_MAX_SANDBOXES: ['defaults', 'maxSandboxes'],
} as const;

const POLICIES = { BERTH_EGRESS: ['defaults', 'egress'] } as const;

const PROVIDERS = [
  { name: 'openai', key: 'OPENAI_API_KEY', url: 'OPENAI_BASE_URL', usual: 'https://api.openai.com/v1' },
  {
    name: 'anthropic',
    key: 'ANTHROPIC_API_KEY',
    url: 'ANTHROPIC_BASE_URL',
    usual: 'https://api.anthropic.com',
  },
  {
    name: 'gemini',
    key: 'GEMINI_API_KEY',
    url: 'GOOGLE_GEMINI_BASE_URL',
    usual: 'https://generativelanguage.googleapis.com',
  },
] as const;

/** For the reference page. */
export const VARIABLES = {
  settings: Object.entries({ ...TEXTS, ...NUMBERS, ...POLICIES }).map(([name, path]) => ({ name, path })),
  providers: PROVIDERS,
} as const;

/** Empty variables count as absent. */
export const fromEnvironment = (env: Environment): Found => {
  const values: Nested = {};
  for (const [name, path] of Object.entries(TEXTS)) put(values, path, env[name] || undefined);
  for (const [name, path] of Object.entries(POLICIES)) put(values, path, policyOf(env[name] || undefined));
  for (const provider of PROVIDERS) putProvider(values, env, provider);
  return { values, issues: putNumbers(values, env) };
};

const putNumbers = (values: Nested, env: Environment): Issue[] => {
  const issues: Issue[] = [];
  for (const [name, path] of Object.entries(NUMBERS)) {
    const text = env[name] || undefined;
    if (text === undefined || /^\d{1,15}$/.test(text)) put(values, path, text && Number(text));
    else
      issues.push({
        path: path.join('.'),
        message: `expected a whole number (from the environment, ${name})`,
      });
  }
  return issues;
};

/** As on the command line: a preset, or hosts with commas between. */
const policyOf = (text: string | undefined): Plain | undefined => {
  if (text === undefined) return undefined;
  if (text === 'none' || text === 'packages') return { preset: text };
  return { preset: 'custom', allow: text.split(',').map((host) => host.trim()) };
};

const putProvider = (values: Nested, env: Environment, provider: (typeof PROVIDERS)[number]): void => {
  const key = env[provider.key] || undefined;
  const baseUrl = env[provider.url] || undefined;
  if (key === undefined && baseUrl === undefined) return;
  const said = {
    wire: provider.name,
    baseUrl: baseUrl ?? provider.usual,
    ...(key === undefined ? {} : { key }),
  };
  put(values, ['models', 'providers', provider.name], said);
};

interface Nested {
  [key: string]: unknown;
}

const put = (target: Nested, path: readonly string[], value: unknown): void => {
  const [first, ...rest] = path;
  if (first === undefined || value === undefined) return;
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = (target[first] ?? {}) as Nested;
  target[first] = inner;
  put(inner, rest, value);
};
