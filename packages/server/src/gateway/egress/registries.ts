/**
 * The registries that this user's npm, pip, cargo and go use: what the preset `packages` opens. Read once at server
 * start, from the same files and variables as the tools, in the same precedence; an unconfigured tool has its public
 * default. Only hosts, and URLs for the tools inside, are used: credentials in these files are ignored.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalHost } from './host.ts';
import type { Registry } from './policy.ts';

export interface RegistrySources {
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder of system-wide configuration. Default: `/etc`. */
  readonly etc?: string | undefined;
}

const MAX_FILE_CHARACTERS = 256 * 2 ** 10;
const NPM_DEFAULT = 'https://registry.npmjs.org/';
const PIP_DEFAULT = 'https://pypi.org/simple';
const PIP_FILES = 'https://files.pythonhosted.org/';
const GO_PROXY_DEFAULT = 'https://proxy.golang.org,direct';
const GO_SUMS = 'https://sum.golang.org/';
const CARGO_DEFAULTS = ['https://index.crates.io/', 'https://static.crates.io/'];

/** Unreadable or malformed files count as absent. */
export const readRegistries = async (sources: RegistrySources): Promise<readonly Registry[]> => {
  const found = (await Promise.all([npm(sources), pip(sources), cargo(sources), go(sources)])).flat();
  const byTarget = new Map<string, Registry>();
  for (const registry of found) {
    const key = `${registry.host}:${registry.port}`;
    if (byTarget.get(key)?.named !== true) byTarget.set(key, registry);
  }
  return [...byTarget.values()];
};

/**
 * Environment variables that point the tools in a sandbox, which lacks the user's files, to the registries. npm's
 * scoped registries and cargo's source replacement have no variable; such projects need an `.npmrc` or
 * `.cargo/config.toml`.
 */
export const registryEnvironment = async (sources: RegistrySources): Promise<Record<string, string>> => {
  const { env } = sources;
  const npmUrl = addressOf((await npmSettings(sources)).chosen, env);
  const pipUrl = addressOf((await pipSettings(sources)).index, env);
  const goProxies = goProxiesOf(env);
  return {
    ...(npmUrl === undefined ? {} : { npm_config_registry: npmUrl, YARN_NPM_REGISTRY_SERVER: npmUrl }),
    ...(pipUrl === undefined ? {} : { PIP_INDEX_URL: pipUrl, UV_DEFAULT_INDEX: pipUrl }),
    ...(goProxies === '' ? {} : { GOPROXY: goProxies }),
  };
};

const npm = async (sources: RegistrySources): Promise<Registry[]> => {
  const { env } = sources;
  const { chosen, scoped } = await npmSettings(sources);
  return [
    ...(chosen === undefined ? implied(NPM_DEFAULT) : named(chosen, env)),
    ...scoped.flatMap((url) => named(url, env)),
  ];
};

const npmSettings = async ({ home, env, etc = '/etc' }: RegistrySources) => {
  const files = [env.NPM_CONFIG_USERCONFIG ?? env.npm_config_userconfig ?? path.join(home, '.npmrc')];
  files.push(env.NPM_CONFIG_GLOBALCONFIG ?? env.npm_config_globalconfig ?? path.join(etc, 'npmrc'));
  const texts = await Promise.all(files.map(textOf));
  const settings = texts.flatMap(settingsOf);
  const scoped = settings.filter(([key]) => /^@[^:]+:registry$/.test(key)).map(([, value]) => value);
  const fromEnv = Object.entries(env).find(([key]) => key.toLowerCase() === 'npm_config_registry')?.[1];
  return { chosen: fromEnv ?? settings.find(([key]) => key === 'registry')?.[1], scoped };
};

const pip = async (sources: RegistrySources): Promise<Registry[]> => {
  const { env } = sources;
  const { index, more } = await pipSettings(sources);
  const all = [...(index === undefined ? implied(PIP_DEFAULT) : named(index, env))];
  all.push(...more.flatMap((list) => list.split(/\s+/)).flatMap((url) => named(url, env)));
  return all.some(({ host }) => host === 'pypi.org') ? [...all, ...implied(PIP_FILES)] : all;
};

const pipSettings = async ({ home, env, etc = '/etc' }: RegistrySources) => {
  const files = [path.join(etc, 'pip.conf'), path.join(home, '.pip/pip.conf')];
  files.push(path.join(env.XDG_CONFIG_HOME ?? path.join(home, '.config'), 'pip/pip.conf'));
  files.push(env.PIP_CONFIG_FILE ?? '/dev/null');
  const texts = await Promise.all(files.map(textOf));
  const settings = texts.flatMap(settingsOf);
  // The last file and then the environment win; list settings accumulate.
  const index = env.PIP_INDEX_URL ?? settings.findLast(([key]) => key === 'index-url')?.[1];
  const more = settings
    .filter(([key]) => key === 'extra-index-url' || key === 'find-links')
    .map(([, value]) => value);
  more.push(env.PIP_EXTRA_INDEX_URL ?? '', env.PIP_FIND_LINKS ?? '');
  return { index, more };
};

/** Source replacement (`[source.x] registry = …`), other registries (`index = …`) and their variables. */
const cargo = async ({ home, env }: RegistrySources): Promise<Registry[]> => {
  const folder = env.CARGO_HOME ?? path.join(home, '.cargo');
  const texts = await Promise.all(['config.toml', 'config'].map((name) => textOf(path.join(folder, name))));
  const lines = texts.flatMap((text) => text.split(/[\r\n]+/));
  const setting = /^[^#]*?\b(?:registry|index)\s*=\s*["']([^"']+)["']/;
  const urls = lines.flatMap((line) => setting.exec(line)?.[1] ?? []);
  for (const [key, value] of Object.entries(env)) {
    if (/^CARGO_(REGISTRIES_.+_INDEX|SOURCE_.+_REGISTRY)$/.test(key) && value !== undefined) urls.push(value);
  }
  const replaced = lines.some((line) => /^[^#]*\breplace-with\s*=/.test(line));
  const own = urls.flatMap((url) => named(url.replace(/^sparse\+/, ''), env));
  return replaced ? own : [...own, ...CARGO_DEFAULTS.flatMap(implied)];
};

/** A list of proxies separated by `,` or `|`; `direct` and `off` are not proxies. */
const go = async ({ env }: RegistrySources): Promise<Registry[]> => {
  const sums = implied(GO_SUMS);
  if (env.GOPROXY === undefined) return [...GO_PROXY_DEFAULT.split(',').flatMap(implied), ...sums];
  return [...env.GOPROXY.split(/[,|]/).flatMap((url) => named(url, env)), ...sums];
};

const textOf = async (file: string): Promise<string> => {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.slice(0, MAX_FILE_CHARACTERS);
};

/** The `key = value` lines of an ini file; indented lines continue a value, as in pip. */
const settingsOf = (text: string): [string, string][] => {
  const settings: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    const end = line.indexOf('=');
    const key = line.slice(0, Math.max(0, end)).trim();
    const last = settings.at(-1);
    if (key !== '' && !/^[#;[]/.test(key))
      settings.push([key.replaceAll('"', ''), unquoted(line.slice(end + 1).trim())]);
    else if (last !== undefined && /^\s+[^#;\s]/.test(line)) last[1] += ` ${line.trim()}`;
  }
  return settings;
};

const unquoted = (value: string): string => /^(["'])(.*?)\1/.exec(value)?.[2] ?? value;

const implied = (url: string): Registry[] => registryOf(url, false);

const named = (url: string, env: RegistrySources['env']): Registry[] => registryOf(filledIn(url, env), true);

/** `${NAME}` in a value is expanded from the environment, as in npm. */
const filledIn = (text: string, env: RegistrySources['env']): string =>
  text.replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);

/** The list of proxies with their separators; entries that are neither a URL nor a keyword of Go's are dropped. */
const goProxiesOf = ({ GOPROXY = '', ...env }: RegistrySources['env']): string => {
  const parts = GOPROXY.matchAll(/([^,|]*)([,|]?)/g);
  const known = [...parts].flatMap(([, text = '', separator = '']) => {
    const proxy = GO_WORDS.find((word) => word === text.trim()) ?? addressOf(text, env);
    return proxy === undefined ? [] : [`${proxy}${separator}`];
  });
  return known.join('').replace(/[,|]$/, '');
};

const GO_WORDS = ['direct', 'off'] as const;

/** Allowed in the path of a registry: no second URL, and no expanded variable. */
const PLAIN_PATH = /^[\w.~%+/-]*$/;

/** Rebuilt from host and path only. Undefined for anything that is not a single URL. */
const addressOf = (text = '', env: RegistrySources['env']): string | undefined => {
  const alone = /^\s*\$\{(\w+)\}\s*$/.exec(text)?.[1];
  const given = alone === undefined ? text : (env[alone] ?? '');
  const url = urlOf(filledIn(given, env));
  const [, path] = /^\s*\w+:\/\/[^/?#]*([^?#]*)/.exec(given) ?? [];
  // A variable may hold the host or credentials; in the path, which is shown, it may be a secret.
  const isAsGiven = url?.pathname === (path?.trim() || '/');
  return url !== undefined && isAsGiven && PLAIN_PATH.test(url.pathname)
    ? `${url.protocol}//${url.host}${url.pathname}`
    : undefined;
};

const registryOf = (text: string, isNamed: boolean): Registry[] => {
  const url = urlOf(text);
  const host = url === undefined ? undefined : canonicalHost(url.hostname.replace(/^\[|\]$/g, ''));
  if (url === undefined || host === undefined) return [];
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return [{ host, port, named: isNamed }];
};

const urlOf = (text: string): URL | undefined => {
  const trimmed = text.trim();
  return /^https?:\/\/\S+$/i.test(trimmed) && URL.canParse(trimmed) ? new URL(trimmed) : undefined;
};
