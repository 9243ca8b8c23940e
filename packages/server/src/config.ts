/**
 * The configuration: one strict schema, three sources (file < environment < flags), every problem told at once with
 * its path, its source and what was expected. What comes out is resolved (defaults applied, paths absolute) and frozen.
 * An unreadable file or an unknown key refuses the start: a guess here would be a wrong guess later.
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { EgressPolicy, fail, GateProfile, type Issue } from '@berth/contract';
import type { Defaults } from '@berth/core';
import { z } from 'zod';
import { fromEnvironment } from './config-environment.ts';
import { merged, type Plain } from './config-merge.ts';
import { type Secret, secret } from './infra/secrets/secret.ts';

const GIB = 2 ** 30;
const LONGEST_SOCKET_PATH_BYTES = 107;

const Name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected lower-case letters, digits, "_-", at most 40');
const HostName = z
  .string()
  .regex(/^(?!-)[a-z0-9.-]{1,253}$|^\[[0-9a-f:]+\]$/, 'expected a host name in lower case without a port');
const Milliseconds = z.int().min(1).max(2_147_483_647);
const PluginConfig = z.record(Name, z.record(z.string(), z.unknown()));

const Provider = z.strictObject({
  /** How requests are spoken: decides paths and where the key goes. */
  wire: z.enum(['openai', 'anthropic', 'gemini']),
  baseUrl: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }),
  key: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[\x21-\x7e]+$/, 'expected printable characters without spaces')
    .optional(),
});

const Limits = z.strictObject({
  cpus: z.number().min(0.1).max(256).default(2),
  memoryBytes: z
    .int()
    .min(32 * 2 ** 20)
    .default(4 * GIB),
  pids: z.int().min(16).max(65_536).default(512),
});

const WorkDefaults = z.strictObject({
  /** What a sandbox gets when neither its workspace nor its request says otherwise. */
  limits: Limits.prefault({}),
  egress: EgressPolicy.default({ preset: 'packages' }),
  gate: GateProfile.default('standard'),
  /** The ceiling of sandboxes on this machine. */
  maxSandboxes: z.int().min(1).max(10_000).default(20),
  /** How long a sandbox is kept after its task's end. */
  keepAliveMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(5 * 60_000),
  /** How often a red gate or a conflict goes back to the agent. */
  maxRounds: z.int().min(1).max(10).default(3),
  gateTimeoutMs: Milliseconds.default(10 * 60_000),
  setupTimeoutMs: Milliseconds.default(300_000),
});

const TurnLimits = z.strictObject({
  startMs: Milliseconds.default(60_000),
  silenceMs: Milliseconds.default(5 * 60_000),
  turnMs: Milliseconds.default(120 * 60_000),
});

/** What the user may write. */
const ConfigInput = z.strictObject({
  home: z.string().min(1).max(4096).optional(),
  host: HostName.default('127.0.0.1'),
  /** 0 = any free port. */
  port: z.int().min(0).max(65_535).default(8080),
  /** Names under which browsers and clients reach this server, beyond those of loopback. */
  allowedHosts: z.array(HostName).max(100).default([]),
  /** The Unix socket; `<home>/run/berth.sock` when absent. */
  socketPath: z.string().min(1).max(4096).optional(),
  /** The driver of sandboxes that name none; the first that works here when absent. Never `host` by itself. */
  defaultDriver: Name.optional(),
  drivers: PluginConfig.default({}),
  agents: PluginConfig.default({}),
  defaultAgent: Name.default('opencode'),
  models: z
    .strictObject({
      providers: z.record(Name, Provider).default({}),
      /** `provider/model` for tasks that name none. */
      default: z
        .string()
        .max(200)
        .regex(/^[a-z0-9][a-z0-9_-]*\/.+$/, 'expected "provider/model"')
        .optional(),
    })
    .prefault({}),
  defaults: WorkDefaults.prefault({}),
  /** Of one turn of an agent: to its readiness, between two signs of life, and altogether. */
  turnLimits: TurnLimits.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

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
  readonly defaults: Defaults & { readonly gate: z.infer<typeof GateProfile> };
  readonly turnLimits: z.infer<typeof TurnLimits>;
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

const resolved = (input: z.output<typeof ConfigInput>, home: string): Config => {
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
