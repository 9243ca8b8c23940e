/**
 * Decides who may move a target. Changes are verified concurrently and the first to finish lands; the others
 * have lost a race and are verified again on top of what landed. So that a slow gate does not lose to fast
 * ones forever, a change that has lost twice takes precedence in its workspace: until it has landed or failed,
 * nobody else lands there, in whichever repository, because a verdict is about all of them. If there are
 * several, the one that lost first goes first.
 *
 * Precedence is derived from the records alone, so it survives a restart. A change that nobody works on holds
 * nobody back, because it may itself be waiting for a worker.
 */
import { type Change, fail, type Task } from '@berth/contract';
import { createKeyedLock } from '@berth/plugin-api';
import { allRows, type Clock, Deferred, type Queue, type ReadTx, type Store } from '../kernel/index.ts';
import type { Precedence, WantedLanding } from '../ports.ts';

/** Races that a change may lose before it takes precedence. */
const LOST_BEFORE_PRECEDENCE = 2;

const LANDING = { state: ['verifying', 'landing'] };

/** Jobs that wait for a change that has precedence. */
export const PRECEDENCE_TOPIC = 'precedence';
/** A caller keeps its worker for this long. */
const WORKER_KEPT_MS = 3000;
/** A change that has precedence may end without an event. */
const LOOK_AGAIN_MS = 30_000;

export interface PrecedenceParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly queue: Pick<Queue, 'find'>;
}

export const createPrecedence = ({ store, clock, queue }: PrecedenceParts): Precedence => ({
  async pass(landing, signal) {
    const isFree = async (tx: ReadTx): Promise<boolean> => !(await isHeldBack(queue, tx, landing));
    if (await waitUntil({ store, clock }, isFree, signal)) return;
    const error = fail('change.held_back', {});
    throw new Deferred({ error, topic: PRECEDENCE_TOPIC, againMs: LOOK_AGAIN_MS, isOver: isFree });
  },
  exclusively: createKeyedLock(),
});

/** False if it is not so by the time the worker is needed for others. */
const waitUntil = async (
  { store, clock }: Pick<PrecedenceParts, 'store' | 'clock'>,
  isSo: (tx: ReadTx) => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> => {
  const left = new AbortController();
  const late = clock.sleep(WORKER_KEPT_MS, AbortSignal.any([left.signal, signal])).then(() => true as const);
  late.catch(() => undefined);
  try {
    for (;;) {
      const { promise: moved, resolve } = Promise.withResolvers<false>();
      // Subscribe before reading, so that no notice is missed. The end of a job emits no event, only a notice.
      const unsubscribe = store.notices.subscribe(() => resolve(false));
      try {
        if (await store.read(isSo)) return true;
        if (await Promise.race([moved, late])) return false;
      } finally {
        unsubscribe();
      }
    }
  } finally {
    left.abort();
  }
};

interface Loser {
  readonly attemptId: string;
  /** When it had lost often enough. */
  readonly since: number;
}

const isHeldBack = async (
  queue: PrecedenceParts['queue'],
  tx: ReadTx,
  { workspaceId, attemptId }: WantedLanding,
): Promise<boolean> => {
  const tasks = await allRows(tx, { table: 'tasks', where: { ...LANDING, workspaceId } });
  const losers: Loser[] = [];
  for (const task of tasks) losers.push(...(await losersOf(queue, tx, task)));
  const own = losers.find((one) => one.attemptId === attemptId);
  return losers.some((one) => one.attemptId !== attemptId && (own === undefined || isBefore(one, own)));
};

const isBefore = (a: Loser, b: Loser): boolean =>
  a.since < b.since || (a.since === b.since && a.attemptId < b.attemptId);

/** The task's attempt, if it has lost often enough and is being worked on; otherwise empty. */
const losersOf = async (
  queue: PrecedenceParts['queue'],
  tx: ReadTx,
  { id, attemptId = '' }: Task,
): Promise<Loser[]> => {
  const changes = await allRows(tx, { table: 'changes', where: { taskId: id } });
  const lost = lostInARow(changes.filter((change) => change.attemptId === attemptId));
  const decisive = lost[LOST_BEFORE_PRECEDENCE - 1];
  if (decisive === undefined) return [];
  const isWorkedOn = (await queue.find(tx, id)).some(({ state }) => state === 'active');
  if (!isWorkedOn) return [];
  return [{ attemptId, since: decisive.createdAt }];
};

/** A gate machine that died, or an upgrade halfway through, says nothing about the race. */
const NO_RACE = new Set<string | undefined>(['sandbox.unreachable', 'sandbox.died', 'work.outdated']);

/**
 * The consecutive lost races of the current landing, oldest first; any other outcome of a change ends the
 * streak.
 */
const lostInARow = (changes: readonly Change[]): readonly Change[] => {
  const ended = changes
    .filter(({ state, error }) => state === 'rejected' && !NO_RACE.has(error?.code))
    .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  const other = ended.findLastIndex(({ error }) => error?.code !== 'change.target_moved');
  return ended.slice(other + 1);
};
