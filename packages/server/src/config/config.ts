/**
 * The configuration: one strict schema (schema.ts), three sources (file < environment < flags), and every problem
 * reported at once, with the flag, variable or file key it was written in. The result is resolved (defaults applied,
 * paths absolute) and frozen. An unreadable file or an unknown key prevents the start: guessing here would surface as
 * a fault later.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail, type Issue, jsonPath, jsonProblem, problemsIn } from '@berth/contract';
import type { Defaults, Retention } from '@berth/core';
import { type Secret, secret } from '../secrets/secret.ts';
import { flagOf, fromEnvironment } from './environment.ts';
import { merged, type Path, type Plain } from './merge.ts';
import { ConfigInput } from './schema.ts';

const LONGEST_SOCKET_PATH_BYTES = 107;

export interface ModelProvider {
  readonly wire: 'openai' | 'anthropic' | 'gemini';
  readonly baseUrl: string;
  readonly key: Secret | undefined;
  /** Names, optionally ending in `*`; all when absent. */
  readonly models?: readonly string[] | undefined;
}

/** Resolved and frozen. */
export interface Config {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly allowedHosts: readonly string[];
  readonly socketPath: string;
  /** In the order in which they are tried; empty if not configured. */
  readonly defaultDrivers: readonly string[];
  readonly drivers: Readonly<Record<string, Plain>>;
  readonly agents: Readonly<Record<string, Plain>>;
  readonly models: {
    readonly providers: Readonly<Record<string, ModelProvider>>;
    readonly default: string | undefined;
  };
  readonly defaults: Defaults;
  readonly turnLimits: ConfigInput['turnLimits'];
  readonly retention: Retention;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

export interface ConfigSources {
  /** The environment; passed in, never read from the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The command line's settings, in the shape of the schema. */
  readonly flags?: Plain | undefined;
  /** Whether the process runs as root, which determines the default home. */
  readonly isRoot: boolean;
}

export interface Settings {
  readonly config: Config;
  /** Where a setting was written: `--port`, `BERTH_PORT`, `port in …/config.json`. Undefined if nobody wrote it. */
  readonly placeOf: (path: Path) => string | undefined;
}

/** Rejects with `config.invalid`, which lists every problem of all sources. */
export const loadConfig = async ({ env, flags = {}, isRoot }: ConfigSources): Promise<Settings> => {
  const fromEnv = fromEnvironment(env);
  const home = resolve(String(flags.home ?? fromEnv.values.home ?? defaultHome(env, isRoot)));
  const file = join(home, 'config.json');
  const fromFile = await readConfigFile(file);
  const { value, placeOf } = merged([
    { values: fromFile.values, placeOf: (path) => `${jsonPath(path)} in ${file}` },
    fromEnv,
    { values: flags, placeOf: (path) => flagOf(path[0]) ?? jsonPath(path) },
  ]);
  const parsed = ConfigInput.safeParse(value);
  const problems = parsed.success ? [] : problemsIn(parsed.error, value);
  const told = problems.map(({ path, message }) => ({ path: placeOf(path) ?? jsonPath(path), message }));
  const issues = [...fromFile.issues, ...told];
  if (issues.length > 0 || !parsed.success) throw fail('config.invalid', { issues });
  return { config: resolved(parsed.data, { home, placeOf }), placeOf };
};

const defaultHome = (env: ConfigSources['env'], isRoot: boolean): string => {
  if (isRoot) return '/var/lib/berth';
  const data = env.XDG_DATA_HOME;
  return data !== undefined && isAbsolute(data)
    ? join(data, 'berth')
    : join(env.HOME ?? homedir(), '.local', 'share', 'berth');
};

const readConfigFile = async (path: string): Promise<{ values: Plain; issues: Issue[] }> => {
  const problem = (message: string) => ({ values: {}, issues: [{ path, message }] });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    // A home that is a file is reported as such when it is opened.
    const isAbsent = code === 'ENOENT' || code === 'ENOTDIR';
    return isAbsent ? { values: {}, issues: [] } : problem(`cannot be read (${code})`);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      // A parsed JSON object has string keys and unknown values; the schema checks them next.
      return { values: value as Plain, issues: [] };
    }
    return problem('must be a JSON object');
  } catch (error) {
    return problem(jsonProblem(error));
  }
};

const resolved = (
  input: ConfigInput,
  { home, placeOf }: Pick<Settings, 'placeOf'> & { home: string },
): Config => {
  const socketPath = resolve(home, input.socketPath ?? join('run', 'berth.sock'));
  if (Buffer.byteLength(socketPath) > LONGEST_SOCKET_PATH_BYTES) {
    const path = placeOf(['socketPath']) ?? placeOf(['home']) ?? 'socketPath';
    const message = `must give a socket path of at most ${LONGEST_SOCKET_PATH_BYTES} bytes, which is what the system allows; ${socketPath} is longer`;
    throw fail('config.invalid', { issues: [{ path, message }] });
  }
  const providers = Object.entries(input.models.providers).map(([name, { wire, baseUrl, key, models }]) => [
    name,
    { wire, baseUrl, key: key === undefined ? undefined : secret(key), models },
  ]);
  const { defaultDriver = [], ...rest } = input;
  return frozen({
    ...rest,
    home,
    socketPath,
    defaultDrivers: [defaultDriver].flat(),
    models: { providers: Object.fromEntries(providers), default: input.models.default },
    defaults: { ...input.defaults, agent: input.defaultAgent },
  });
};

const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
};
