/**
 * The registries that npm, pip and cargo of this user fetch from: what the preset `packages` opens. Read once when the
 * server starts, from the same files and variables that the tools read, in their order; a tool that is not configured
 * has its public default. Only hosts are taken: credentials in these files are not looked at.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalHost } from './host.ts';
import type { Registry } from './policy.ts';

export interface RegistrySources {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where system-wide configuration lies; `/etc` when absent. */
  readonly etc?: string | undefined;
}

const MAX_FILE_CHARACTERS = 256 * 2 ** 10;
const NPM_DEFAULT = 'https://registry.npmjs.org/';
const PIP_DEFAULT = 'https://pypi.org/simple';
const PIP_FILES = 'https://files.pythonhosted.org/';
const CARGO_DEFAULTS = ['https://index.crates.io/', 'https://static.crates.io/'];

/** Unreadable or odd files count as absent, as a tool's defaults would. */
export const readRegistries = async (sources: RegistrySources): Promise<readonly Registry[]> => {
  const found = (await Promise.all([npm(sources), pip(sources), cargo(sources)])).flat();
  const byTarget = new Map<string, Registry>();
  for (const registry of found) {
    const key = `${registry.host}:${registry.port}`;
    if (byTarget.get(key)?.named !== true) byTarget.set(key, registry);
  }
  return [...byTarget.values()];
};

const npm = async ({ home, env, etc = '/etc' }: RegistrySources): Promise<Registry[]> => {
  const files = [env.NPM_CONFIG_USERCONFIG ?? env.npm_config_userconfig ?? path.join(home, '.npmrc')];
  files.push(env.NPM_CONFIG_GLOBALCONFIG ?? env.npm_config_globalconfig ?? path.join(etc, 'npmrc'));
  const texts = await Promise.all(files.map(textOf));
  const settings = texts.flatMap(settingsOf);
  const scoped = settings.filter(([key]) => /^@[^:]+:registry$/.test(key)).map(([, value]) => value);
  const fromEnv = Object.entries(env).find(([key]) => key.toLowerCase() === 'npm_config_registry')?.[1];
  const chosen = fromEnv ?? settings.find(([key]) => key === 'registry')?.[1];
  return [
    ...(chosen === undefined ? implied(NPM_DEFAULT) : named(chosen, env)),
    ...scoped.flatMap((url) => named(url, env)),
  ];
};

const pip = async ({ home, env, etc = '/etc' }: RegistrySources): Promise<Registry[]> => {
  const files = [path.join(etc, 'pip.conf'), path.join(home, '.pip/pip.conf')];
  files.push(path.join(env.XDG_CONFIG_HOME ?? path.join(home, '.config'), 'pip/pip.conf'));
  files.push(env.PIP_CONFIG_FILE ?? '/dev/null');
  const texts = await Promise.all(files.map(textOf));
  const settings = texts.flatMap(settingsOf);
  // The last file and then the environment win; additions add up.
  const index = env.PIP_INDEX_URL ?? settings.findLast(([key]) => key === 'index-url')?.[1];
  const more = settings
    .filter(([key]) => key === 'extra-index-url' || key === 'find-links')
    .map(([, value]) => value);
  more.push(env.PIP_EXTRA_INDEX_URL ?? '', env.PIP_FIND_LINKS ?? '');
  const all = [...(index === undefined ? implied(PIP_DEFAULT) : named(index, env))];
  all.push(...more.flatMap((list) => list.split(/\s+/)).flatMap((url) => named(url, env)));
  return all.some(({ host }) => host === 'pypi.org') ? [...all, ...implied(PIP_FILES)] : all;
};

/** Source replacement (`[source.x] registry = …`), other registries (`index = …`) and their variables. */
const cargo = async ({ home, env }: RegistrySources): Promise<Registry[]> => {
  const folder = env.CARGO_HOME ?? path.join(home, '.cargo');
  const texts = await Promise.all(['config.toml', 'config'].map((name) => textOf(path.join(folder, name))));
  const setting = /^[^#\n]*?\b(?:registry|index)\s*=\s*["']([^"'\n]+)["']/gm;
  const urls = texts.flatMap((text) => [...text.matchAll(setting)].map((match) => match[1] ?? ''));
  for (const [key, value] of Object.entries(env)) {
    if (/^CARGO_(REGISTRIES_.+_INDEX|SOURCE_.+_REGISTRY)$/.test(key) && value !== undefined) urls.push(value);
  }
  const replaced = texts.some((text) => /^[^#\n]*\breplace-with\s*=/m.test(text));
  const own = urls.flatMap((url) => named(url.replace(/^sparse\+/, ''), env));
  return replaced ? own : [...own, ...CARGO_DEFAULTS.flatMap(implied)];
};

const textOf = async (file: string): Promise<string> => {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.slice(0, MAX_FILE_CHARACTERS);
};

/**
 * The `key = value` lines of an ini file; a value goes on in indented lines, as pip allows.
 */
const settingsOf = (text: string): [string, string][] => {
  const settings: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    const setting = /^\s*([^=\s#;[][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    const last = settings.at(-1);
    if (setting !== null) {
      const [, key = '', value = ''] = setting;
      settings.push([key.replaceAll('"', ''), unquoted(value)]);
    } else if (last !== undefined && /^\s+[^#;\s]/.test(line)) last[1] += ` ${line.trim()}`;
  }
  return settings;
};

const unquoted = (value: string): string => /^(["'])(.*?)\1/.exec(value)?.[2] ?? value;

const implied = (url: string): Registry[] => registryOf(url, false);

/** `${NAME}` in a value is taken from the environment, as npm does. */
const named = (url: string, env: RegistrySources['env']): Registry[] =>
  registryOf(
    url.replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole),
    true,
  );

const registryOf = (text: string, isNamed: boolean): Registry[] => {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return [];
  const url = new URL(text);
  const host = canonicalHost(url.hostname.replace(/^\[|\]$/g, ''));
  if (host === undefined) return [];
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return [{ host, port, named: isNamed }];
};
