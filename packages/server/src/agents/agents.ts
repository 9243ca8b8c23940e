/** The configured agents: which exist here, which model each turn asks, and what a turn gets to work with. */
import { fail } from '@berth/contract';
import type { Agents, AgentTurn, PreparedAgent } from '@berth/core';
import type { Agent, AgentHost, AgentPlugin, AgentWorld, ModelAccess } from '@berth/plugin-api';
import { parsePluginConfig, type Registry } from '../config/plugin-config.ts';

/** A model provider as agents need to know it: everything but the key. */
export interface ModelProvider {
  readonly name: string;
  readonly wire: ModelAccess['wire'];
  readonly defaultModel: string;
}

export interface AgentsOptions {
  /** The agent of tasks that name none. */
  readonly defaultAgent: string;
  readonly registry: Registry<AgentPlugin>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly host: AgentHost;
  /** In the order of preference: the first serves tasks that name no model. */
  readonly providers: readonly ModelProvider[];
  readonly limits: AgentWorld['limits'];
  /** Where a tool of ours appears inside a sandbox. */
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

/** Throws `agent.unknown` for a default that does not exist. */
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

/** The providers that speak a wire of this agent. */
const spoken = ({ providers }: AgentsOptions, { wires }: AgentPlugin): readonly ModelProvider[] =>
  wires === undefined ? providers : providers.filter(({ wire }) => wires.includes(wire));

/** `provider/model` as asked for, or the first provider's default. Rejects with `model.unconfigured`. */
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
