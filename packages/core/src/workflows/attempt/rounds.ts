/**
 * The loop of an attempt: a turn, a landing, and when the gate is red, the set-up for it fails or the merge conflicts,
 * the next turn with what was found. Turns and landings are runs of their own with ids that follow from the attempt, so after a crash the loop
 * is simply walked again from the beginning: what had ended is heard again, what was under way goes on.
 */
import { type ChangePart, ERRORS, fail, isBerthError, type Turn } from '@berth/contract';
import type { Json } from '@berth/plugin-api';
import { deciding } from '../../gate/index.ts';
import { move } from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { removedUnderWork } from '../../sandbox/index.ts';
import { conflictPrompt, failedSetupPrompt, redGatePrompt, weakenedPrompt } from '../../task/index.ts';
import { landChange } from '../land-change.ts';
import { isGone } from '../machine/life.ts';
import { inSandbox, reachSandbox } from '../machine/revive.ts';
import { type TurnInputs, takeTurn } from '../take-turn.ts';

/** Changes of others wait then. What moves the target this often beside it is its source, and it never rests. */
const MAX_LANDINGS_PER_ROUND = 100;

/** Machines of the gate that may die in a round before the task fails with it. */
const MACHINES_LOST = 2;

/** What a round runs as children of the attempt. */
export const ROUND_SAGAS = [takeTurn, landChange] as const;

export interface Rounds {
  readonly turn: Omit<TurnInputs, 'turnId' | 'at' | keyof ThisTurn>;
  readonly maxRounds: number;
  readonly parts: readonly Pick<ChangePart, 'repository' | 'target'>[];
  readonly first: Ask & { readonly session?: Json | undefined };
  /** The commits that the branch began with. */
  readonly bases: CommitByRepository;
  readonly signal: AbortSignal;
}

interface Ask {
  readonly prompt: string;
  readonly cause: Turn['cause'];
}

export type RoundsEnd = {
  readonly changeId: string;
  readonly session: Json | undefined;
  readonly continued: boolean;
};

/** Rejects with the error of a turn, or of the last landing when the rounds are used up. */
export const workThrough = async (ports: Ports, rounds: Rounds): Promise<RoundsEnd> => {
  let ask: Ask = rounds.first;
  let session = rounds.first.session;
  let previous = rounds.bases;
  let continued = true;
  for (let round = 1; ; round += 1) {
    const turn = await runTurn(ports, rounds, { ...ask, number: round, session, previous });
    if (round === 1) continued = turn.continued;
    session = turn.session;
    previous = turn.commits;
    const landing = await land(ports, rounds, { round, heads: previous });
    if (landing.kind === 'landed') return { changeId: landing.changeId, session, continued };
    if (round > rounds.maxRounds || !(await canGoOn(ports, rounds))) throw landing.error;
    ask = landing.ask;
    if (ask.cause === 'conflict') await fetchTargets(ports, rounds, { round, heads: previous });
  }
};

/** Rejects with `sandbox.removed`. The sandbox goes when a change waits for a person; what a yes then meets (a conflict) nobody is there to repair. */
const canGoOn = async (ports: Ports, { turn, signal }: Rounds): Promise<boolean> => {
  const sandbox = await ports.store.read((tx) => tx.table('sandboxes').get(turn.sandbox.id));
  const removed = removedUnderWork(sandbox);
  if (removed !== undefined) throw removed;
  if (sandbox?.state !== 'error') return sandbox?.state === 'running';
  try {
    // Its machine died while the change was verified.
    await reachSandbox(ports, turn.sandbox, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
};

type ThisTurn = Pick<TurnInputs, 'number' | 'prompt' | 'cause' | 'session' | 'previous'>;

const runTurn = (ports: Ports, { turn, signal }: Rounds, now: ThisTurn) => {
  const turnId = ports.ids.from('turn', `${turn.attemptId}/${now.number}`);
  return ports.sagas.run(takeTurn, {
    id: ports.ids.from('saga', `${turn.attemptId}/turn/${now.number}`),
    input: { ...turn, ...now, turnId, at: ports.clock.now() },
    subject: turnId,
    signal,
  });
};

type Landing =
  | { readonly kind: 'landed'; readonly changeId: string }
  | { readonly kind: 'sent_back'; readonly ask: Ask; readonly error: unknown };

interface Round {
  readonly round: number;
  readonly heads: CommitByRepository;
}

/** A race that is lost is no failure: the same work is verified again, on what landed before it. */
const land = async (ports: Ports, rounds: Rounds, { round, heads }: Round): Promise<Landing> => {
  const { workspaceId, attemptId } = rounds.turn;
  let moved: unknown;
  let died = 0;
  for (let landing = 1; landing <= MAX_LANDINGS_PER_ROUND; landing += 1) {
    const key = `${attemptId}/${round}.${landing}`;
    await ports.precedence.pass({ workspaceId, attemptId, parts: rounds.parts }, rounds.signal);
    try {
      const { changeId } = await landOnce(ports, rounds, { key, heads });
      return { kind: 'landed', changeId };
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

/** A machine of the gate that died, or that somebody took away, says nothing about the work either. */
const isMachineLost = (error: unknown): boolean =>
  isGone(error) || (isBerthError(error) && error.code === 'sandbox.removed');

/** Nor does that an older version of Berth began the landing: there is one of those at most. */
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

/** The task's state follows a landing that begins, not one that is only heard again. */
const verifying = ({ store }: Ports, taskId: string, run: string): Promise<void> =>
  store.write(async (tx) => {
    if ((await tx.table('sagas').get(run)) !== undefined) return;
    const task = await tx.table('tasks').get(taskId);
    if (task?.state === 'landing')
      await move(tx, 'tasks', taskId, { trigger: 'sent_back', details: { cause: 'target_moved' } });
    if (task?.state === 'landing' || task?.state === 'running')
      await move(tx, 'tasks', taskId, { trigger: 'verification_started' });
  });

/** What the agent is asked after a landing that only it can help; nothing for any other failure. */
const askAfter = async ({ store }: Ports, error: unknown): Promise<Ask | undefined> => {
  if (!isBerthError(error)) return undefined;
  if (error.code === 'change.conflicted') {
    const { conflicts = [] } = ERRORS[error.code].data.parse(error.details);
    return { cause: 'conflict', prompt: conflictPrompt(conflicts) };
  }
  // The set-up of the task's own start has worked: what fails now is what the change made of it.
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

const fetchTargets = async (
  ports: Ports,
  { turn, signal }: Rounds,
  { round, heads }: Round,
): Promise<void> => {
  await inSandbox(ports, { ...turn.sandbox, signal }, ({ sandbox }) =>
    ports.checkouts.fetch(sandbox, {
      key: `${turn.attemptId}/fetch/${round}`,
      signal,
      workspaceId: turn.workspaceId,
      repositories: turn.repositories,
      saved: heads,
      token: ports.grants.tokenFor(turn.sandbox.id),
    }),
  );
};
