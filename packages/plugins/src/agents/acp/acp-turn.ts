/** Everything that one turn over ACP needs to know. */
import type { AgentWorld, TurnInput } from '@berth/plugin-api';
import type { Blame } from './errors.ts';
import type { Timers } from './timers.ts';

export interface AcpTurn {
  readonly agent: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The agent's own mode in which it asks for little; used when it offers it. */
  readonly mode: string | undefined;
  /** Reads a failure out of an end that looks like success. */
  readonly readFailure: ((end: QuietEnd) => string | undefined) | undefined;
  readonly toolMs: number;
  readonly input: TurnInput;
  readonly world: AgentWorld;
  readonly timers: Timers;
}

export interface QuietEnd {
  readonly hasUsage: boolean;
  readonly lastMessage: string;
}

export const blameOf = (turn: AcpTurn): Blame => ({
  agent: turn.agent,
  provider: turn.world.model?.provider,
});
