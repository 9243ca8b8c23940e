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
  /** Tells that the turn has failed, where its end will look like success. */
  readonly isFailure: ((params: unknown) => boolean) | undefined;
  readonly toolMs: number;
  readonly input: TurnInput;
  readonly world: AgentWorld;
  readonly timers: Timers;
}

export const blameOf = (turn: AcpTurn): Blame => ({
  agent: turn.agent,
  model: turn.world.model,
});
