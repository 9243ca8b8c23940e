/** Serves git; a push when it is its turn, within what its sandbox may still send and what the disk has left. */
import { statfs } from 'node:fs/promises';
import { fail } from '@berth/contract';
import { createFairShare } from '../../system/fair-share.ts';
import { createProcessorBudget } from './processor-budget.ts';
import { type GitCall, type GitHttpLimits, serveGit } from './serve-git.ts';

export interface PushBudget {
  /** What a sandbox may still push. */
  leftBytes(sandboxId: string): Promise<number>;
  add(sandboxId: string, bytes: number): Promise<void>;
}

export interface InTurnParts {
  readonly limits: GitHttpLimits;
  readonly sent: PushBudget;
}

export type ServeInTurn = (
  call: Omit<GitCall, 'maxPushBytes' | 'maxSeconds' | 'spent'>,
  sandboxId: string,
  signal: AbortSignal,
) => Promise<void>;

export const createServeInTurn = ({ limits, sent }: InTurnParts): ServeInTurn => {
  const pushes = createFairShare({
    what: 'pushes',
    total: limits.maxPushes,
    // Few, for each knows only what those that have ended sent; two, so that one that does not end blocks no other.
    perOwner: Math.min(2, limits.maxPushes),
    waitingPerOwner: limits.maxProcessesPerSandbox,
    waitMs: limits.waitMs,
  });
  const processor = {
    'upload-pack': createProcessorBudget({ seconds: limits.fetchSeconds, refillMs: limits.refillMs }),
    'receive-pack': createProcessorBudget({ seconds: limits.pushSeconds, refillMs: limits.refillMs }),
  };
  return async (given, sandboxId, signal) => {
    const budget = processor[given.service];
    const spent = (seconds: number): void => budget.spend(sandboxId, Math.max(seconds, LEAST_SECONDS));
    const call = { ...given, spent, maxSeconds: budget.leftSeconds(sandboxId) };
    const waitMs = budget.waitMs(sandboxId);
    if (call.service === 'upload-pack' && waitMs > 0) throw fail('server.busy', { what: FETCH_TIME });
    if (call.advertise || call.service === 'upload-pack') return serveGit({ ...call, maxPushBytes: 0 });
    const leave = await pushes.take(sandboxId, 1, signal);
    let sentBytes = 0;
    const received = (bytes: number): void => {
      sentBytes += bytes;
      call.received(bytes);
    };
    try {
      const free = await freeBytes(call.gitDir, limits);
      const left = await sent.leftBytes(sandboxId);
      // Of now: it may have waited for one that spent much.
      const seconds = budget.leftSeconds(sandboxId);
      const refusal = seconds <= 0 ? tooBusy(limits, budget.waitMs(sandboxId)) : spaceRefusal({ free, left });
      await serveGit({ ...call, maxSeconds: seconds, received, maxPushBytes: Math.min(free, left), refusal });
    } finally {
      await sent.add(sandboxId, sentBytes).finally(leave);
    }
  };
};

const DISK_FULL = fail('disk.full', { path: 'the repositories' }).message.replace(/\.$/, '');
const NOTHING_LEFT =
  'The push goes beyond what this sandbox may send: as much as its disk may hold (limits.diskBytes)';

/** Less is not measured, and many requests that take less are much. */
const LEAST_SECONDS = 0.01;
const FETCH_TIME = 'processor time for git fetch';

const spaceRefusal = ({
  free,
  left,
}: {
  readonly free: number;
  readonly left: number;
}): string | undefined => (free <= 0 ? DISK_FULL : left <= 0 ? NOTHING_LEFT : undefined);

const tooBusy = ({ pushSeconds }: GitHttpLimits, waitMs: number): string =>
  `The push is too early: pushes of this sandbox took their ${pushSeconds} s of processor time; some is back in ${Math.ceil(waitMs / 60_000)} min`;

/** Beyond the reserve. */
const freeBytes = async (
  folder: string,
  { reserveBytes, maxReserveShare }: Pick<GitHttpLimits, 'reserveBytes' | 'maxReserveShare'>,
): Promise<number> => {
  const { bavail, blocks, bsize } = await statfs(folder);
  return bavail * bsize - Math.min(reserveBytes, blocks * bsize * maxReserveShare);
};
