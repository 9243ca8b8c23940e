/** The configured agents: which are available, which model a turn uses, and what a turn has to work with. */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { fail } from '@berth/contract';
import type { Agents, AgentTurn, PreparedAgent } from '@berth/core';
import type { Agent, AgentHost, AgentPlugin, AgentWorld, ModelAccess } from '@berth/plugin-api';
import type { Config } from '../config/config.ts';
import { parsePluginConfig, type Registry } from '../config/plugin-config.ts';

/** A model provider as agents see it: everything but the key. */
interface ModelProvider {
  readonly name: string;
  readonly wire: ModelAccess['wire'];
  readonly defaultModel: string;
}

export interface AgentsOptions {
  /** The agent for tasks that do not name one. */
  readonly defaultAgent: string;
  readonly registry: Registry<AgentPlugin>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly host: AgentHost;
  /** In order of preference: the first serves tasks that name no model. */
  readonly providers: readonly ModelProvider[];
  readonly limits: AgentWorld['limits'];
  /** Where one of our tools is mounted inside a sandbox. */
  readonly toolPath: (driver: string, sandboxId: string) => Promise<(target: string) => string>;
}

export interface AgentFacts {
  readonly name: string;
  readonly available: boolean;
  readonly detail: string;
}

interface OpenAgent {
  readonly plugin: AgentPlugin;
  readonly agent: Agent;
}

/** Throws `agent.unknown` if the default does not exist. */
export const createAgents = (options: AgentsOptions): Agents & { describe(): Promise<AgentFacts[]> } => {
  const opened = new Map<string, Promise<OpenAgent>>();
  const names = Object.keys(options.registry).sort();
  if (!names.includes(options.defaultAgent))
    throw fail('agent.unknown', { agent: options.defaultAgent, known: names });

  const open = (name: string): Promise<OpenAgent> => {
    const known = opened.get(name) ?? openAgent(options, name);
    opened.set(name, known);
    known.catch(() => opened.delete(name));
    return known;
  };

  const prepare = async (name: string, wanted: string | undefined): Promise<PreparedAgent> => {
    const { plugin, agent } = await open(name);
    const { available, detail, tools } = await agent.probe();
    if (!available) throw fail('agent.absent', { agent: name, detail });
    const model = plugin.needsModel ? chooseModel(spoken(options, plugin), wanted) : undefined;
    return { tools, memoryBytes: plugin.memoryBytes, model: model && `${model.provider}/${model.model}` };
  };

  const turn = async (wanted: AgentTurn, signal: AbortSignal) => {
    const { plugin, agent } = await open(wanted.agent);
    const chosen = plugin.needsModel ? chooseModel(spoken(options, plugin), wanted.model) : undefined;
    const model: ModelAccess | undefined = chosen && {
      ...chosen,
      baseUrl: `${wanted.sandbox.internalUrl}/models/${chosen.provider}`,
      token: wanted.token,
    };
    const world: AgentWorld = {
      sandbox: wanted.sandbox,
      model,
      toolPath: await options.toolPath(wanted.driver, wanted.sandbox.id),
      emit: wanted.emit,
      decide: wanted.decide,
      limits: options.limits,
      signal,
    };
    const { execId, prompt, asked, cwd, session } = wanted;
    return agent.turn({ execId, prompt, asked, cwd, ...(session === undefined ? {} : { session }) }, world);
  };

  const describe = (): Promise<AgentFacts[]> =>
    Promise.all(
      names.map(async (name) => {
        const { available, detail } = await (await open(name)).agent.probe();
        return { name, available, detail };
      }),
    );

  return { names, prepare, turn, describe };
};

/** The providers that speak one of this agent's wire formats. */
const spoken = ({ providers }: AgentsOptions, { wires }: AgentPlugin): readonly ModelProvider[] =>
  wires === undefined ? providers : providers.filter(({ wire }) => wires.includes(wire));

/** `provider/model` as requested, or the first provider's default. Rejects with `model.unconfigured`. */
const chooseModel = (
  providers: readonly ModelProvider[],
  wanted: string | undefined,
): Pick<ModelAccess, 'provider' | 'wire' | 'model'> => {
  const slash = wanted?.indexOf('/') ?? -1;
  const name = wanted && slash > 0 ? wanted.slice(0, slash) : wanted;
  const provider = name === undefined ? providers[0] : providers.find((one) => one.name === name);
  if (!provider) throw fail('model.unconfigured', name === undefined ? {} : { provider: name });
  const model = wanted && slash > 0 ? wanted.slice(slash + 1) : provider.defaultModel;
  return { provider: provider.name, wire: provider.wire, model };
};

const openAgent = async (options: AgentsOptions, name: string): Promise<OpenAgent> => {
  const { plugin, config } = await parsePluginConfig(options, 'agents', name);
  return { plugin, agent: plugin.open(config, options.host) };
};

/** Good coding models at the time of writing; `models.default` in the configuration overrides them. */
const USUAL_MODELS = {
  anthropic: 'claude-opus-4-8',
  openai: 'gpt-5.5',
  gemini: 'gemini-3.1-pro',
} as const satisfies Record<ModelProvider['wire'], string>;

/**
 * The configured model providers in order of preference, each with its model for tasks that name none.
 * `models.default` (`provider/model`) decides which comes first, and which of its models.
 */
export const modelProviders = (models: Config['models']): ModelProvider[] => {
  const slash = models.default?.indexOf('/') ?? -1;
  const chosen = models.default === undefined ? undefined : models.default.slice(0, slash);
  return Object.entries(models.providers)
    .map(([name, { wire }]) => {
      const own = name === chosen ? models.default?.slice(slash + 1) : undefined;
      return { name, wire, defaultModel: own ?? USUAL_MODELS[wire] };
    })
    .sort((one, other) => Number(other.name === chosen) - Number(one.name === chosen));
};

/**
 * Files of npm packages that the operator installed next to Berth or globally: where agents' programs are. Searches
 * every `node_modules` above this file, above the working directory, and the global one.
 */
export const createPackageFiles = (env: Readonly<Record<string, string | undefined>>) => {
  const roots = [
    ...foldersAbove(dirname(fileURLToPath(import.meta.url))),
    ...foldersAbove(process.cwd()),
    join(dirname(dirname(process.execPath)), 'lib'),
    ...(env.NPM_CONFIG_PREFIX === undefined ? [] : [join(env.NPM_CONFIG_PREFIX, 'lib')]),
    '/usr/local/lib',
    '/usr/lib',
  ].map((folder) => join(folder, 'node_modules'));
  return (file: string): string | undefined =>
    roots.map((root) => join(root, file)).find((path) => existsSync(path));
};

const foldersAbove = (folder: string): string[] => {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersAbove(above)];
};
