/** The inputs of an attempt's rounds and the ways to end one: the interface between the loop and the ends. */
import type { AttemptEnd, ChangePart, Turn } from '@berth/contract';
import type { Json } from '@berth/plugin-api';
import type { CommitByRepository, Ports } from '../../ports.ts';
import type { TurnInputs } from './take-turn.ts';

export interface Rounds {
  readonly turn: Omit<TurnInputs, 'turnId' | 'at' | keyof ThisTurn>;
  readonly end: AttemptEnd;
  readonly maxRounds: number;
  readonly parts: readonly Pick<ChangePart, 'repository' | 'target'>[];
  readonly first: Ask & { readonly session?: Json | undefined };
  /** The commits at which the branch started. */
  readonly bases: CommitByRepository;
  readonly signal: AbortSignal;
}

export interface Ask {
  readonly prompt: string;
  readonly cause: Turn['cause'];
}

export type ThisTurn = Pick<TurnInputs, 'number' | 'prompt' | 'cause' | 'session' | 'previous'>;

export interface Round {
  readonly round: number;
  readonly heads: CommitByRepository;
}

export type EndOfRound =
  | { readonly kind: 'ended'; readonly changeId: string }
  /** Only the agent can repair it. `error` becomes the attempt's error if no round is left. */
  | { readonly kind: 'sent_back'; readonly ask: Ask; readonly error: unknown };

export interface EndStrategy {
  /**
   * Decides the outcome of a round's work. After a crash it is called again with the same arguments. Rejects
   * with failures that the agent cannot repair.
   */
  readonly end: (ports: Ports, rounds: Rounds, round: Round) => Promise<EndOfRound>;
  /** The sagas it runs as children of the attempt, which end with the attempt. */
  readonly children: readonly { readonly family: string }[];
}
