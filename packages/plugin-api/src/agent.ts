/**
 * An agent plugin knows how to launch one kind of coding agent inside a sandbox and how to talk with it.
 *
 * The unit is a turn: one prompt, worked on to its end. A turn is one process in the sandbox, started under an id
 * that the caller chose. When the server dies in a turn, the same call is made again with the same input: the
 * process is still running, its whole output is read again from the first byte, and what was already written to it
 * is ignored by offset. An adapter MUST therefore write the same bytes when it reads the same bytes.
 *
 * MUST: report every item by `world.emit` under an id that is the same when the turn is replayed.
 * MUST: end within the world's limits: `signal` aborts, `limits.silenceMs` without a sign of life is `agent.hung`, more than `limits.turnMs`
 * altogether is `agent.overtime`.
 * MUST: when it gives up, end the process with everything it started.
 * MUST NOT: offer the agent files or terminals of the server.
 */
import type { ItemBody, Usage } from '@berth/contract';
import type { z } from 'zod';
import type { ToolMount } from './driver.ts';
import type { Sandbox } from './sandbox.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Where the agent sends its model requests. The token is worth nothing outside this installation and attempt. */
export interface ModelAccess {
  readonly provider: string;
  readonly wire: 'openai' | 'anthropic' | 'gemini';
  readonly model: string;
  /** `<internalUrl>/models/<provider>` */
  readonly baseUrl: string;
  readonly token: string;
}

export interface TurnInput {
  /** Also the id of the process. Lives as long as the sandbox. */
  readonly execId: string;
  /** All that the agent is told in this turn: what was asked, or what came of it, with quotes out of the repository. */
  readonly prompt: string;
  /** What a person asked for, in his words alone: the same in every turn of an attempt. Safe to run where the user may. */
  readonly asked: string;
  /** The repository's folder inside the sandbox. */
  readonly cwd: string;
  /** What the turn before returned, in this sandbox; absent for a new conversation. */
  readonly session?: Json | undefined;
}

export interface AgentWorld {
  readonly sandbox: Sandbox;
  readonly model: ModelAccess | undefined;
  /** Where the tools of `AgentPlugin.tools` are inside. */
  readonly toolPath: (target: string) => string;
  emit(id: string, body: ItemBody): void;
  readonly limits: { readonly startMs: number; readonly silenceMs: number; readonly turnMs: number };
  /** Aborted = cancel: ask the agent to stop, then make it. */
  readonly signal: AbortSignal;
}

export interface TurnEnd {
  /** `end`: the agent says it is done. `cancelled`: as asked. `stopped`: it met a limit of its own or of its model. */
  readonly stop: 'end' | 'cancelled' | 'stopped';
  readonly detail?: string | undefined;
  /** To continue the conversation in the same sandbox; absent when the agent cannot. */
  readonly session?: Json | undefined;
  /** False when an older conversation was asked for and could not be continued. */
  readonly continued: boolean;
  /** As the agent counts; the model gateway has the truth. */
  readonly usage?: Usage | undefined;
}

export interface Agent {
  /** Whether it can run at all, and where its programs are. Never starts a model request. */
  probe(): Promise<{
    readonly available: boolean;
    readonly detail: string;
    readonly tools: readonly ToolMount[];
  }>;
  /** Rejects with an `agent.*` or `model.*` error; a cancelled turn resolves. */
  turn(input: TurnInput, world: AgentWorld): Promise<TurnEnd>;
}

export interface AgentPlugin<C extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly config: C;
  /** Whether it needs a model at all (`command` and `scripted` do not). */
  readonly needsModel: boolean;
  /** The wire formats that it can speak with its model; any when absent. */
  readonly wires?: readonly ModelAccess['wire'][] | undefined;
  /** What it needs before its tools, for the scheduler. */
  readonly memoryBytes: number;
  open(config: z.infer<C>, host: AgentHost): Agent;
}

export interface AgentHost {
  /** Resolves a file of an npm package that the operator installed, or undefined. */
  readonly resolve: (specifier: string) => string | undefined;
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    facts?: Record<string, unknown>,
  ) => void;
}

export const defineAgent = <C extends z.ZodType>(plugin: AgentPlugin<C>): AgentPlugin<C> => plugin;
