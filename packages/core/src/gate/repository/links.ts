/**
 * A commit as programs see it: the content behind a symbolic link also appears at the link's path. A judge
 * reached through such a path is altered when the link or its target is.
 */
import { folderOf, type JudgedTree, joined } from './path-index.ts';

/** The prefix of a link's content id in the hub's listing. */
const LINK = 'link ';
const MAX_LINKS = 200;
/** Maximum number of files behind links to folders. */
const MAX_BEHIND = 20_000;
const MAX_STEPS = 10;
/**
 * Maximum length of a link's target, also when resolved through other links; longer ones are not followed.
 */
const MAX_TARGET_CHARACTERS = 500;

export interface SeenTree {
  /** Includes the paths through links. */
  readonly paths: ReadonlySet<string>;
  /** For a path through a link, the ids of both the link and the file. */
  readonly ids: Readonly<Record<string, string>>;
  /** The entries of the commit that make up a path. */
  readonly entriesOf: (path: string) => readonly string[];
  /** The path of the file with the content. */
  readonly realOf: (path: string) => string;
  /** There are more links than are followed; nothing is known about the rest. */
  readonly isCut: boolean;
  /** The links not followed may include some that lead to judges. */
  readonly isUnknown: boolean;
}

export const followLinks = async (
  tree: Pick<JudgedTree, 'paths' | 'ids'>,
  readLink: (path: string) => Promise<string | undefined>,
  mayJudge: (path: string) => boolean,
): Promise<SeenTree> => {
  const all = [...tree.paths].filter((path) => tree.ids[path]?.startsWith(LINK));
  const first = all.length > MAX_LINKS ? all.filter(mayJudge) : [];
  const links = first.length > 0 ? [...new Set([...first, ...all])] : all;
  const targets = await targetsOf(links.slice(0, MAX_LINKS), readLink);
  const met: Behind[] = [];
  for (const link of targets.keys()) {
    if (met.length > MAX_BEHIND) break;
    met.push(...namesBehind(tree, link, resolved(link, targets)));
  }
  const behind = met.slice(0, MAX_BEHIND);
  const entries = new Map(behind.map((one) => [one.name, one]));
  return {
    paths: new Set([...tree.paths, ...entries.keys()]),
    ids: {
      ...tree.ids,
      ...Object.fromEntries(
        behind.map(({ name, link, real }) => [name, `${tree.ids[link] ?? ''} ${tree.ids[real] ?? ''}`]),
      ),
    },
    entriesOf: (path) => {
      const one = entries.get(path);
      return one === undefined ? [path] : [path, one.link, one.real];
    },
    realOf: (path) => entries.get(path)?.real ?? path,
    isCut: links.length > MAX_LINKS || met.length > MAX_BEHIND,
    isUnknown: first.length > MAX_LINKS,
  };
};

interface Behind {
  readonly name: string;
  readonly link: string;
  readonly real: string;
}

const targetsOf = async (
  links: readonly string[],
  readLink: (path: string) => Promise<string | undefined>,
): Promise<ReadonlyMap<string, string>> => {
  const targets = new Map<string, string>();
  for (const path of links) {
    const to = await readLink(path);
    const isFollowed = to !== undefined && !to.startsWith('/') && to.length <= MAX_TARGET_CHARACTERS;
    if (isFollowed) targets.set(path, joined(folderOf(path), to));
  }
  return targets;
};

/** For a link to a file, its own path; for a link to a folder, the paths of all files in it. */
const namesBehind = (
  { paths }: Pick<JudgedTree, 'paths'>,
  link: string,
  real: string | undefined,
): Behind[] => {
  if (real === undefined) return [];
  if (paths.has(real)) return [{ name: link, link, real }];
  const folder = real === '' ? '' : `${real}/`;
  return filesBelow(paths, folder, link).map((path) => ({
    name: `${link}/${path.slice(folder.length)}`,
    link,
    real: path,
  }));
};

/** Excludes the link itself, to avoid infinite recursion. */
const filesBelow = (paths: ReadonlySet<string>, folder: string, link: string): string[] =>
  [...paths].filter((path) => path.startsWith(folder) && path !== link).slice(0, MAX_BEHIND + 1);

/** Undefined if it leads out of the repository or in a circle. */
const resolved = (link: string, targets: ReadonlyMap<string, string>): string | undefined => {
  let path = targets.get(link) ?? '';
  for (let step = 0; step < MAX_STEPS; step += 1) {
    if (path.startsWith('../') || path.length > MAX_STEPS * MAX_TARGET_CHARACTERS) return undefined;
    const parts = path.split('/');
    const at = parts.findIndex((_, index) => targets.has(parts.slice(0, index + 1).join('/')));
    if (at < 0) return parts.join('/');
    const over = targets.get(parts.slice(0, at + 1).join('/')) ?? '';
    path = joined(`${over}/`, parts.slice(at + 1).join('/'));
  }
  return undefined;
};
