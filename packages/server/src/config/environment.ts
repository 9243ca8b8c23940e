/** Maps environment variables to settings, including the model provider keys that users already have there. */

import { parseArgs } from 'node:util';
import type { Path, Plain, Source } from './merge.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const TEXTS = {
  BERTH_HOME: ['home'],
  BERTH_HOST: ['host'],
  BERTH_SOCKET: ['socketPath'],
  BERTH_AGENT: ['defaultAgent'],
  BERTH_MODEL: ['models', 'default'],
  BERTH_LOG_LEVEL: ['logLevel'],
} as const;

const NUMBERS = {
  // BERTH_PORT comes last and takes precedence.
  ORCHESTRATOR_PORT: ['port'],
  BERTH_PORT: ['port'],
  BERTH_MAX_SANDBOXES: ['defaults', 'maxSandboxes'],
} as const;

/** One, or several separated by commas. */
const LISTS = { BERTH_DRIVER: ['defaultDriver'] } as const;

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
  settings: Object.entries({ ...TEXTS, ...NUMBERS, ...LISTS, ...POLICIES }).map(([name, path]) => ({
    name,
    path,
  })),
  providers: PROVIDERS,
} as const;

/** Empty variables count as absent. */
export const fromEnvironment = (env: Environment): Source => {
  const values: Nested = {};
  for (const [name, path] of Object.entries(TEXTS)) put(values, path, env[name] || undefined);
  for (const [name, path] of Object.entries(LISTS)) put(values, path, listOf(env[name] || undefined));
  for (const [name, path] of Object.entries(POLICIES)) put(values, path, policyOf(env[name] || undefined));
  for (const [name, path] of Object.entries(NUMBERS)) put(values, path, numberOf(env[name] || undefined));
  for (const provider of PROVIDERS) putProvider(values, env, provider);
  return { values, placeOf: (path) => variableOf(env, path) };
};

/** The variable that a value came from: of several with the same meaning, the one that takes precedence. */
const variableOf = (env: Environment, path: Path): string => {
  const [, kind, name, member] = path;
  const provider = kind === 'providers' ? PROVIDERS.find((one) => one.name === name) : undefined;
  if (provider !== undefined) return member === 'key' ? provider.key : provider.url;
  const isIn = (whole: readonly string[]) => whole.every((step, index) => path[index] === step);
  return VARIABLES.settings.findLast((one) => env[one.name] && isIn(one.path))?.name ?? path.join('.');
};

/** Anything that is not a number is kept as it is: the schema rejects it. */
const numberOf = (text: string | undefined): number | string | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : text;

const listOf = (text: string | undefined): readonly string[] | string | undefined =>
  text?.includes(',') ? text.split(',').map((name) => name.trim()) : text;

/** As on the command line: a preset, or hosts separated by commas. */
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

/** The flags of the server program, which are those of `berth up`. */
const FLAGS = {
  home: 'home',
  host: 'host',
  port: 'port',
  driver: 'defaultDriver',
  agent: 'defaultAgent',
} as const;

const OPTIONS = Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: 'string' }] as const));

const READERS: Readonly<Record<string, (text: string | undefined) => unknown>> = {
  port: numberOf,
  defaultDriver: listOf,
};

/** In the shape of the schema. Throws for an unknown flag. */
export const fromArguments = (args: readonly string[]): Plain => {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const given = Object.entries(FLAGS).map(([name, setting]) => [setting, values[name]] as const);
  return Object.fromEntries(given.map(([setting, text]) => [setting, READERS[setting]?.(text) ?? text]));
};

export const flagOf = (setting: PropertyKey | undefined): string | undefined => {
  const [name] = Object.entries(FLAGS).find(([, one]) => one === setting) ?? [];
  return name === undefined ? undefined : `--${name}`;
};
