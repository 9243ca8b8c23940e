/**
 * Suppressions of checks that a change adds in the files of the product and its tests. Which checkers the gate
 * starts is not asked: a script that Berth does not understand may start any.
 */
import type { Weakening } from '@berth/contract';
import {
  createTaker,
  mayHoldSuppressions,
  type Suppression,
  suppressionsAdded,
  suppressionsIn,
} from '../suite/suppressions.ts';
import type { Trees } from './trees.ts';

type Found = Omit<Weakening, 'repository'>;

/** Maximum number of files examined per change. */
const MAX_LOOKED_INTO = 500;

export const addedSuppressions = async (altered: readonly string[], trees: Trees): Promise<Found[]> => {
  const paths = altered.filter(mayHoldSuppressions);
  const files: Compared[] = [];
  for (const path of paths.slice(0, MAX_LOOKED_INTO)) files.push(await compared(path, trees));
  const moved = createTaker(files.flatMap(({ gone }) => gone.map(({ place }) => place)));
  const found = files.flatMap(({ path, added, isUnread }) => {
    if (isUnread) return [suppressed(path, 'too large to be searched for suppressions')];
    const [first, ...more] = added.filter(({ place }) => !moved.take(place));
    if (first === undefined) return [];
    const others = more.length === 0 ? '' : `, and ${more.length} more`;
    return [suppressed(path, `line ${first.line}: \`${first.text}\`${others}`)];
  });
  const [beyond] = paths.slice(MAX_LOOKED_INTO);
  if (beyond === undefined) return found;
  return [...found, suppressed(beyond, `${paths.length - MAX_LOOKED_INTO} more files may suppress checks`)];
};

const suppressed = (subject: string, detail: string): Found => ({
  kind: 'check_suppressed',
  subject,
  detail,
});

interface Compared {
  readonly path: string;
  readonly added: readonly Suppression[];
  readonly gone: readonly Suppression[];
  /** Only the change's version is too large. */
  readonly isUnread: boolean;
}

const compared = async (path: string, { target, change, read }: Trees): Promise<Compared> => {
  const was = target.paths.has(path) ? await read('target', path) : '';
  const is = change.paths.has(path) ? await read('change', path) : '';
  const [before, after] = [suppressionsIn(path, was ?? ''), suppressionsIn(path, is ?? '')];
  return {
    path,
    added: suppressionsAdded(before, after),
    gone: suppressionsAdded(after, before),
    isUnread: was !== undefined && is === undefined,
  };
};
