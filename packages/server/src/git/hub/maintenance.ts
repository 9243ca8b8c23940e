/**
 * Keeps a repository of the hub small: every turn pushes objects, and refs that are dropped leave theirs behind.
 *
 * Git may collect beside pushes and landings. What no ref names stays for a day after it was written, which is far
 * longer than a push or a merge takes from its first object to its ref, and short for what a sandbox took back; packs are replaced by renaming, and pushes
 * arrive as packs (see serve-git.ts); refs are packed under git's own locks, and those who move a ref meanwhile try
 * again (`swapRef`). A collection that a killed server left behind ends by itself, and git runs no second one beside it
 * (`gc.pid`).
 */
import { type Git, WHOLE_REPOSITORY_MEMORY_BYTES } from '../git.ts';

export interface MaintenanceLimits {
  readonly maxLooseObjects: number;
  readonly maxPacks: number;
  /** What a repository may have grown by since its last collection. */
  readonly maxGrowthBytes: number;
}

/** Git's own measure is 6700 and 50; fewer files keep clones of large repositories quick. Every push is a pack. */
export const MAINTENANCE_LIMITS: MaintenanceLimits = {
  maxLooseObjects: 2000,
  maxPacks: 50,
  maxGrowthBytes: 256 * 2 ** 20,
};
/** Beside work it competes for the disk, so there it waits for much more. */
const PATIENCE_WHEN_BUSY = 5;
const UNNAMED_KEPT = '1.day.ago';
const TIMEOUT_MS = 30 * 60_000;

/** Does nothing while there is little to gain. Returns whether it did. */
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
  // Unnamed objects go into a pack of their own, with their ages, instead of becoming a file each.
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
/** What was left by the last collection. */
const COLLECTED_KEY = 'berth.collectedBytes';

const collectedBytes = async (git: Git, gitDir: string): Promise<number> =>
  Number((await git(['config', '--get', COLLECTED_KEY], { gitDir, answers: [1] })).stdout);

const numberIn = (counts: string, name: string): number =>
  Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(counts)?.[1] ?? 0);
