/** The two sides that are compared, and what judges in the first. */

import type { Reached } from '../reach/reach.ts';
import type { SeenTree } from '../repository/links.ts';
import type { PathIndex } from '../repository/path-index.ts';

/**
 * The text of a file, of the target or the change, or where a link leads; undefined when it is absent, or too large to
 * judge.
 */
export type ReadText = (side: 'target' | 'change', path: string) => Promise<string | undefined>;

export interface Trees {
  readonly target: SeenTree;
  readonly change: SeenTree;
  readonly reached: Reached;
  readonly index: { readonly target: PathIndex; readonly change: PathIndex };
  readonly read: ReadText;
}
