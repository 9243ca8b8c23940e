/**
 * The configuration: one strict schema (config-schema.ts), three sources (file < environment < flags), every problem told at once with
 * its path, its source and what was expected. What comes out is resolved (defaults applied, paths absolute) and frozen.
 * An unreadable file or an unknown key refuses the start: a guess here would be a wrong guess later.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail, type Issue } from '@berth/contract';
import type { Defaults, Retention } from '@berth/core';
import type { z } from 'zod';
import { fromEnvironment } from './config-environment.ts';
import { merged, type Plain } from './config-merge.ts';
import { ConfigInput } from './config-schema.ts';
import { type Secret, secret } from './infra/secrets/secret.ts';

const LONGEST_SOCKET_PATH_BYTES = 107;

export interface ModelProvider {
  readonly wire: 'openai' | 'anthropic' | 'gemini';
  readonly baseUrl: string;
  readonly key: Secret | undefined;
}

/** Resolved and frozen. */
export interface Config {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly allowedHosts: readonly string[];
  readonly socketPath: string;
  readonly defaultDriver: string | undefined;
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
  /** The environment; given, never read from the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the command line said, in the shape of the schema. */
  readonly flags?: Plain | undefined;
  /** Whether the process runs as root, which decides the default home. */
  readonly isRoot: boolean;
}

/** Rejects with `config.invalid`, holding every problem of all sources. */
export const loadConfig = async ({ env, flags = {}, isRoot }: ConfigSources): Promise<Config> => {
  const fromEnv = fromEnvironment(env);
  const home = resolve(String(flags.home ?? fromEnv.values.home ?? defaultHome(env, isRoot)));
  const fromFile = await readConfigFile(join(home, 'config.json'));
  const sources = [
    { name: 'file', values: fromFile.values },
    { name: 'environment', values: fromEnv.values },
    { name: 'flag', values: flags },
  ];
  const { value, sourceOf } = merged(sources);
  const parsed = ConfigInput.safeParse(value);
  const issues = [
    ...fromFile.issues,
    ...fromEnv.issues,
    ...(parsed.error?.issues ?? []).flatMap(told(sourceOf)),
  ];
  if (issues.length > 0 || !parsed.success) throw fail('config.invalid', { issues });
  return resolved(parsed.data, home);
};

const defaultHome = (env: ConfigSources['env'], isRoot: boolean): string => {
  if (isRoot) return '/var/lib/berth';
  const data = env.XDG_DATA_HOME;
  return data !== undefined && isAbsolute(data)
    ? join(data, 'berth')
    : join(env.HOME ?? homedir(), '.local', 'share', 'berth');
};

const readConfigFile = async (path: string): Promise<{ values: Plain; issues: Issue[] }> => {
  const problem = (message: string) => ({ values: {}, issues: [{ path: `file:${path}`, message }] });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return absent ? { values: {}, issues: [] } : problem('cannot be read');
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      // A parsed JSON object has string keys and unknown values; the schema looks at them next.
      return { values: value as Plain, issues: [] };
    }
    return problem('expected a JSON object');
  } catch (error) {
    return problem(`expected JSON: ${error instanceof Error ? error.message : 'not readable'}`);
  }
};

/** One line per problem; an unknown key is named itself, not its parent. */
const told =
  (sourceOf: (path: readonly PropertyKey[]) => string) =>
  (issue: z.core.$ZodIssue): Issue[] => {
    const paths =
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    const message = issue.code === 'unrecognized_keys' ? 'this key is unknown' : issue.message;
    return paths.map((path) => ({
      path: path.map(String).join('.'),
      message: `${message} (from the ${sourceOf(path)})`,
    }));
  };

const resolved = (input: ConfigInput, home: string): Config => {
  const socketPath = resolve(home, input.socketPath ?? join('run', 'berth.sock'));
  if (Buffer.byteLength(socketPath) > LONGEST_SOCKET_PATH_BYTES) {
    const message = `expected at most ${LONGEST_SOCKET_PATH_BYTES} bytes, which is what the system allows; set a shorter one`;
    throw fail('config.invalid', { issues: [{ path: 'socketPath', message }] });
  }
  const providers = Object.entries(input.models.providers).map(([name, { wire, baseUrl, key }]) => [
    name,
    { wire, baseUrl, key: key === undefined ? undefined : secret(key) },
  ]);
  return frozen({
    ...input,
    home,
    socketPath,
    defaultDriver: input.defaultDriver,
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
