/**
 * How a round's work can end, as its task requests: by landing. Its change is verified and moves the target, or
 * goes back to the agent. Ends such as review, answer, serve or compare need a name in the contract's
 * `AttemptEnd` and a strategy in `ENDS`; a name without a strategy is refused when a task is created.
 */
import { type AttemptEnd, type ChangePart, ERRORS, fail, isBerthError, type Turn } from '@berth/contract';
import type { Json } from '@berth/plugin-api';
import { deciding } from '../../gate/index.ts';
import { move } from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { conflictPrompt, failedSetupPrompt, redGatePrompt, weakenedPrompt } from '../../task/index.ts';
import { landChange } from '../landing/land-change.ts';
import { isGone } from '../machine/life.ts';
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

type EndOfRound =
  | { readonly kind: 'ended'; readonly changeId: string }
  /** Only the agent can repair it. `error` becomes the attempt's error if no round is left. */
  | { readonly kind: 'sent_back'; readonly ask: Ask; readonly error: unknown };

interface EndStrategy {
  /**
   * Decides the outcome of a round's work. After a crash it is called again with the same arguments. Rejects
   * with failures that the agent cannot repair.
   */
  readonly end: (ports: Ports, rounds: Rounds, round: Round) => Promise<EndOfRound>;
  /** The sagas it runs as children of the attempt, which end with the attempt. */
  readonly children: readonly { readonly family: string }[];
}

/**
 * Other changes wait for this one by then, so whatever moves the target this often is its source, which never
 * pauses.
 */
const MAX_LANDINGS_PER_ROUND = 100;

/** Gate machines that may die in a round before the task fails. */
const MACHINES_LOST = 2;

/** A lost race is not a failure: the same work is verified again, on top of what landed first. */
const land = async (ports: Ports, rounds: Rounds, { round, heads }: Round): Promise<EndOfRound> => {
  const { workspaceId, attemptId } = rounds.turn;
  let moved: unknown;
  let died = 0;
  for (let landing = 1; landing <= MAX_LANDINGS_PER_ROUND; landing += 1) {
    const key = `${attemptId}/${round}.${landing}`;
    await ports.precedence.pass({ workspaceId, attemptId }, rounds.signal);
    try {
      const { changeId } = await landOnce(ports, rounds, { key, heads });
      return { kind: 'ended', changeId };
    } catch (error) {
      const ask = await askAfter(ports, error);
      if (ask !== undefined) return { kind: 'sent_back', ask, error };
      if (isMachineLost(error)) died += 1;
      if (!mayLandAgain(error, died)) throw error;
      moved = error;
    }
  }
  throw moved;
};

/** A gate machine that died or was removed says nothing about the work. */
const isMachineLost = (error: unknown): boolean =>
  isGone(error) || (isBerthError(error) && error.code === 'sandbox.removed');

/** Neither does a landing begun by an older version of Berth; there is at most one of those. */
const LANDS_AGAIN = new Set<string>(['change.target_moved', 'work.outdated']);

const mayLandAgain = (error: unknown, died: number): boolean =>
  isMachineLost(error) ? died <= MACHINES_LOST : isBerthError(error) && LANDS_AGAIN.has(error.code);

const landOnce = async (
  ports: Ports,
  { turn, parts, signal }: Rounds,
  { key, heads }: { readonly key: string; readonly heads: CommitByRepository },
) => {
  const id = ports.ids.from('saga', `${key}/land`);
  await verifying(ports, turn.taskId, id);
  const { taskId, attemptId, workspaceId, title, agent, branch } = turn;
  const input = {
    changeId: ports.ids.from('change', key),
    taskId,
    attemptId,
    workspaceId,
    title,
    agent,
    parts: parts.flatMap(({ repository, target }) => {
      const head = heads[repository];
      return head === undefined ? [] : [{ repository, target, branch, head }];
    }),
  };
  return ports.sagas.run(landChange, { id, input, subject: input.changeId, signal });
};

/** Updates the task's state when a landing starts, but not when it is replayed. */
const verifying = ({ store }: Ports, taskId: string, run: string): Promise<void> =>
  store.write(async (tx) => {
    if ((await tx.table('sagas').get(run)) !== undefined) return;
    const task = await tx.table('tasks').get(taskId);
    if (task?.state === 'landing')
      await move(tx, 'tasks', taskId, { trigger: 'sent_back', details: { cause: 'target_moved' } });
    if (task?.state === 'landing' || task?.state === 'running')
      await move(tx, 'tasks', taskId, { trigger: 'verification_started' });
  });

/** The prompt for a failed landing that only the agent can repair; undefined for any other failure. */
const askAfter = async ({ store }: Ports, error: unknown): Promise<Ask | undefined> => {
  if (!isBerthError(error)) return undefined;
  if (error.code === 'change.conflicted') {
    const { conflicts = [] } = ERRORS[error.code].data.parse(error.details);
    return { cause: 'conflict', prompt: conflictPrompt(conflicts) };
  }
  // The set-up succeeded on the commit the task started from, so the change made it fail.
  if (error.code === 'setup.failed')
    return { cause: 'red_gate', prompt: failedSetupPrompt(ERRORS[error.code].data.parse(error.details)) };
  if (error.code !== 'gate.red' && error.code !== 'gate.weakened') return undefined;
  const { gateRun: id } = ERRORS[error.code].data.parse(error.details);
  const gateRun = await store.read((tx) => tx.table('gateRuns').get(id));
  if (gateRun === undefined) throw fail('record.missing', { noun: 'gate', id });
  const prompt =
    error.code === 'gate.weakened'
      ? weakenedPrompt(gateRun.weakened ?? [])
      : redGatePrompt(deciding(gateRun.evidence));
  return { cause: 'red_gate', prompt };
};

export const ENDS: Readonly<Record<AttemptEnd, EndStrategy>> = {
  land: { end: land, children: [landChange] },
};
