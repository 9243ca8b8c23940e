/**
 * The loop of an attempt: a turn, then its end (`ends.ts`: a landing) and, if that sends the work back (a red
 * gate, a failed set-up for it, a merge conflict), another turn with the findings. Turns and landings are
 * runs of their own, with ids derived from the attempt. After a crash the loop simply starts over: finished
 * runs return their outcome again, and an interrupted one continues.
 */
import type { Json } from '@berth/plugin-api';
import { allRows, endChild, familyOf } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { removedUnderWork } from '../../sandbox/index.ts';
import { isGone } from '../machine/life.ts';
import { inSandbox, reachSandbox } from '../machine/revive.ts';
import { type Ask, ENDS, type Round, type Rounds, type ThisTurn } from './ends.ts';
import { takeTurn } from './take-turn.ts';

/** What a round runs as children of the attempt. */
const ROUND_SAGAS = [takeTurn, ...Object.values(ENDS).flatMap(({ children }) => children)];

export type RoundsEnd = {
  readonly changeId: string;
  readonly session: Json | undefined;
  readonly continued: boolean;
};

/** Rejects with the error of a turn, or of the last end once the rounds are used up. */
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
    const end = await ENDS[rounds.end].end(ports, rounds, { round, heads: previous });
    if (end.kind === 'ended') return { changeId: end.changeId, session, continued };
    if (round > rounds.maxRounds || !(await canGoOn(ports, rounds))) throw end.error;
    ask = end.ask;
    if (ask.cause === 'conflict') await fetchTargets(ports, rounds, { round, heads: previous });
  }
};

/**
 * Rejects with `sandbox.removed`. A change that waits for a person loses its sandbox, so no agent can repair
 * what an approval then runs into, such as a conflict.
 */
const canGoOn = async (ports: Ports, { turn, signal }: Rounds): Promise<boolean> => {
  const sandbox = await ports.store.read((tx) => tx.table('sandboxes').get(turn.sandbox.id));
  const removed = removedUnderWork(sandbox);
  if (removed !== undefined) throw removed;
  if (sandbox?.state !== 'error') return sandbox?.state === 'running';
  try {
    // Its machine may have died while the change was verified.
    await reachSandbox(ports, turn.sandbox, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
};

const runTurn = (ports: Ports, { turn, signal }: Rounds, now: ThisTurn) => {
  const turnId = ports.ids.from('turn', `${turn.attemptId}/${now.number}`);
  return ports.sagas.run(takeTurn, {
    id: ports.ids.from('saga', `${turn.attemptId}/turn/${now.number}`),
    input: { ...turn, ...now, turnId, at: ports.clock.now() },
    subject: turnId,
    signal,
  });
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

/**
 * Ends every turn and landing of an attempt. A crash may have interrupted them, and only their parent resumes
 * them.
 */
export const endRounds = async (ports: Ports, attemptId: string): Promise<void> => {
  const query = { table: 'sagas', where: { state: ['running', 'undoing'] } } as const;
  const unfinished = await ports.store.read((tx) => allRows(tx, query));
  for (const { id, name, input } of unfinished)
    if (ROUND_SAGAS.some(({ family }) => family === familyOf(name)) && isOf(input, attemptId))
      await endChild(ports, id, 'the attempt ended');
};

const isOf = (input: Json, attemptId: string): boolean =>
  typeof input === 'object' && input !== null && 'attemptId' in input && input.attemptId === attemptId;
