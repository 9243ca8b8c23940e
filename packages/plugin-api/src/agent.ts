/**
 * An agent plugin launches one kind of coding agent inside a sandbox and talks to it.
 *
 * The unit is a turn: one prompt, worked on to its end. A turn is one process in the sandbox, started under an id
 * chosen by the caller. When the server dies during a turn, the same call is repeated with the same input: the
 * process is still running, its whole output is read again from the first byte, and input it already received is
 * ignored by offset. An adapter MUST therefore write the same bytes when it reads the same bytes.
 *
 * MUST: report every item by `world.emit` under an id that is stable across replays. MUST: end within the world's
 * limits: `signal` aborts, `limits.silenceMs` without a sign of life is `agent.hung`, more than `limits.turnMs`
 * altogether is `agent.overtime`. MUST: ask `world.decide` before it answers a permission request of the agent, and send
 * that decision. MUST: when it gives up, end the process with everything it started. MUST NOT: offer
 * the agent files or terminals of the server.
 */
import type { ItemBody, Usage } from '@berth/contract';
import type { z } from 'zod';
import type { ToolMount } from './driver.ts';
import type { Sandbox } from './sandbox.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Where the agent sends its model requests. The token is worthless outside this installation and attempt. */
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
  /**
   * The complete prompt of this turn: the request, or the outcome of the last round, with quotes from the repository.
   */
  readonly prompt: string;
  /**
   * The user's request alone, verbatim: the same in every turn of an attempt. Safe to run where the user may run
   * commands.
   */
  readonly asked: string;
  /** The repository's folder inside the sandbox. */
  readonly cwd: string;
  /** The `resume` of the previous turn in this sandbox; absent for a new conversation. */
  readonly session?: Json | undefined;
}

/** A request of the agent for permission, such as to write a file. */
export interface PermissionRequest {
  /** Unique in the turn, and stable across replays. */
  readonly id: string;
  readonly title: string;
  /** What the agent can be answered; decisions that it would remember are not among them. */
  readonly offered: readonly PermissionDecision[];
}

/** `cancelled`: no decision, because nothing suitable is offered or the turn is being cancelled. */
export type PermissionDecision = 'allow_once' | 'reject_once' | 'cancelled';

export interface AgentWorld {
  readonly sandbox: Sandbox;
  readonly model: ModelAccess | undefined;
  /** Where the tools of `AgentPlugin.tools` are inside. */
  readonly toolPath: (target: string) => string;
  emit(id: string, body: ItemBody): void;
  /** Stored before it resolves; a replay gets the same decision again. Never resolves while the server stops. */
  decide(request: PermissionRequest): Promise<PermissionDecision>;
  readonly limits: { readonly startMs: number; readonly silenceMs: number; readonly turnMs: number };
  /** Aborted = cancel: ask the agent to stop, then kill it. */
  readonly signal: AbortSignal;
}

export interface TurnEnd {
  /**
   * `end`: the agent reports it is done. `cancelled`: as requested. `stopped`: it hit a limit of its own or of its
   * model.
   */
  readonly stop: 'end' | 'cancelled' | 'stopped';
  readonly detail?: string | undefined;
  /** To continue the conversation in the same sandbox; absent when the agent cannot. */
  readonly session?: Json | undefined;
  /** False when a previous conversation was requested and could not be continued. */
  readonly continued: boolean;
  /** As counted by the agent; the model gateway's count is authoritative. */
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
  /** Whether it needs a model (`command` and `scripted` do not). */
  readonly needsModel: boolean;
  /** The model API formats it supports; any when absent. */
  readonly wires?: readonly ModelAccess['wire'][] | undefined;
  /** What it needs in addition to its tools, for the scheduler. */
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
