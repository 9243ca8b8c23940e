/** Serves git requests; pushes are queued, within the sandbox's remaining quota and the free disk space. */
import { statfs } from 'node:fs/promises';
import { fail } from '@berth/contract';
import { createFairShare } from '../../system/fair-share.ts';
import { createProcessorBudget } from './processor-budget.ts';
import { type GitCall, type GitHttpLimits, serveGit } from './serve-git.ts';

export interface PushBudget {
  /** A sandbox's remaining push quota in bytes. */
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
    // Few, because each only knows the bytes of finished ones; two, so that a stuck one does not block all others.
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
      // Recomputed: it may have waited for an expensive one.
      const seconds = budget.leftSeconds(sandboxId);
      const refusal = seconds <= 0 ? tooBusy(limits, budget.waitMs(sandboxId)) : spaceRefusal({ free, left });
      await serveGit({ ...call, maxSeconds: seconds, received, maxPushBytes: Math.min(free, left), refusal });
    } finally {
      await sent.add(sandboxId, sentBytes).finally(leave);
    }
  };
};

const DISK_FULL = fail('disk.full', { path: 'the repositories' }).message.replace(/\.$/, '');
const NOTHING_LEFT = "The push exceeds this sandbox's quota, the size of its disk (limits.diskBytes)";

/** The minimum charge: less cannot be measured, and many small requests add up. */
const LEAST_SECONDS = 0.01;
const FETCH_TIME = 'CPU time for git fetch';

const spaceRefusal = ({
  free,
  left,
}: {
  readonly free: number;
  readonly left: number;
}): string | undefined => (free <= 0 ? DISK_FULL : left <= 0 ? NOTHING_LEFT : undefined);

const tooBusy = ({ pushSeconds }: GitHttpLimits, waitMs: number): string =>
  `The push is rate limited: pushes of this sandbox used their ${pushSeconds} s of CPU time; try again in ${Math.ceil(waitMs / 60_000)} min`;

/** In addition to the reserve. */
const freeBytes = async (
  folder: string,
  { reserveBytes, maxReserveShare }: Pick<GitHttpLimits, 'reserveBytes' | 'maxReserveShare'>,
): Promise<number> => {
  const { bavail, blocks, bsize } = await statfs(folder);
  return bavail * bsize - Math.min(reserveBytes, blocks * bsize * maxReserveShare);
};
