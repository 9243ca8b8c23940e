/**
 * Keeps a hub repository small: every turn pushes objects, and dropped refs leave theirs behind.
 *
 * gc runs concurrently with pushes and landings. Unreachable objects are kept for a day, which is far longer than a
 * push or a merge takes from its first object to its ref, and short for deleted work; packs are replaced by renaming,
 * and pushes arrive as packs (see serve-git.ts); refs are packed under git's own locks, and concurrent ref updates
 * retry (`swapRef`). A gc left behind by a killed server ends by itself, and git runs no second one in parallel
 * (`gc.pid`).
 */
import { type Git, WHOLE_REPOSITORY_MEMORY_BYTES } from '../git.ts';

export interface MaintenanceLimits {
  readonly maxLooseObjects: number;
  readonly maxPacks: number;
  /** How much a repository may grow between two gc runs. */
  readonly maxGrowthBytes: number;
}

/** Git's own measure is 6700 and 50; fewer files keep clones of large repositories fast. Every push is a pack. */
export const MAINTENANCE_LIMITS: MaintenanceLimits = {
  maxLooseObjects: 2000,
  maxPacks: 50,
  maxGrowthBytes: 256 * 2 ** 20,
};
/** It competes with running work for the disk, so then the threshold is much higher. */
const PATIENCE_WHEN_BUSY = 5;
const UNNAMED_KEPT = '1.day.ago';
const TIMEOUT_MS = 30 * 60_000;

/** Does nothing below the threshold. Returns whether it ran. */
export const maintainRepository = async (
  git: Git,
  gitDir: string,
  { isQuiet, maxLooseObjects, maxPacks, maxGrowthBytes }: MaintenanceLimits & { readonly isQuiet: boolean },
): Promise<boolean> => {
  const { stdout } = await git(['count-objects', '-v'], { gitDir });
  const patience = isQuiet ? 1 : PATIENCE_WHEN_BUSY;
  const sizeBytes = (text: string): number =>
    (numberIn(text, 'size') + numberIn(text, 'size-pack')) * KIBIBYTE;
  const growthBytes = sizeBytes(stdout) - (await collectedBytes(git, gitDir));
  const isLittle =
    growthBytes <= maxGrowthBytes * patience &&
    numberIn(stdout, 'count') <= maxLooseObjects * patience &&
    numberIn(stdout, 'packs') <= maxPacks * patience;
  if (isLittle) return false;
  // Unreachable objects go into a cruft pack, with their ages, instead of loose files.
  await git(['gc', '--quiet', '--cruft', `--prune=${UNNAMED_KEPT}`], {
    gitDir,
    timeoutMs: TIMEOUT_MS,
    memoryBytes: WHOLE_REPOSITORY_MEMORY_BYTES,
  });
  const left = (await git(['count-objects', '-v'], { gitDir })).stdout;
  await git(['config', COLLECTED_KEY, String(sizeBytes(left))], { gitDir });
  return true;
};

const KIBIBYTE = 1024;
/** Left by the last gc. */
const COLLECTED_KEY = 'berth.collectedBytes';

const collectedBytes = async (git: Git, gitDir: string): Promise<number> =>
  Number((await git(['config', '--get', COLLECTED_KEY], { gitDir, answers: [1] })).stdout);

const numberIn = (counts: string, name: string): number =>
  Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(counts)?.[1] ?? 0);
