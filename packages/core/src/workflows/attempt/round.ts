/** What the rounds of an attempt are given, and what it means to end one: the seam between the loop and its ends. */
import type { AttemptEnd, ChangePart, Turn } from '@berth/contract';
import type { Json } from '@berth/plugin-api';
import type { CommitByRepository, Ports } from '../../ports.ts';
import type { TurnInputs } from '../take-turn.ts';

export interface Rounds {
  readonly turn: Omit<TurnInputs, 'turnId' | 'at' | keyof ThisTurn>;
  readonly end: AttemptEnd;
  readonly maxRounds: number;
  readonly parts: readonly Pick<ChangePart, 'repository' | 'target'>[];
  readonly first: Ask & { readonly session?: Json | undefined };
  /** The commits that the branch began with. */
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
  /** Only the agent can help. The error is the attempt's when no round is left. */
  | { readonly kind: 'sent_back'; readonly ask: Ask; readonly error: unknown };

export interface EndStrategy {
  /**
   * What becomes of the work of a round. After a crash it is asked again, with the same arguments. Rejects with what no
   * agent can help with.
   */
  readonly end: (ports: Ports, rounds: Rounds, round: Round) => Promise<EndOfRound>;
  /** What it runs as children of the attempt, which end with it. */
  readonly children: readonly { readonly family: string }[];
}
