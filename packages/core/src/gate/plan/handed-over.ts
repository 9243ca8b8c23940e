/**
 * What a command of a gate hands over to those that need it. A build runs the product's code, so nothing that
 * could judge in the tests' place is handed over: neither the home folder nor `/tmp`, no file of the commit,
 * nothing that the set-up made, and no file that would be a judge if a change added it.
 */
import { isCode, isConfiguration, isForAll, isNamedAfter, isTestFile } from '../repository/judge-paths.ts';
import { isLockFile } from '../repository/lock-files.ts';
import { isManifest } from '../repository/manifests.ts';
import { folderOf, nameOf } from '../repository/path-index.ts';
import { isProjectFile } from '../repository/project-files.ts';

export interface Untracked {
  /** Below the repository; with a slash at the end, a folder that holds nothing of the commit. */
  readonly path: string;
  readonly commit: ReadonlySet<string>;
  /** Words of the lines that run. */
  readonly words: ReadonlySet<string>;
  /** The workspace's `gate.keep`. */
  readonly keep: readonly string[];
}

/** Whether a command may find what another one has added to the repository. */
export const mayBeHandedOver = ({ path, commit, words, keep }: Untracked): boolean => {
  const holds = (one: string): boolean => path.endsWith('/') && one.startsWith(path);
  const isKept = keep.some((one) => `${path}/`.startsWith(`${one}/`) || holds(one));
  if (isKept) return true;
  const names = namesOf(path);
  if (names.some((name) => isJudge(name, words))) return false;
  return !names.some(isTestFile) || isCompiled(path, commit);
};

/** A folder by what it may hold, and a compiled module by the name of its source. */
const namesOf = (path: string): string[] =>
  path.endsWith('/')
    ? [path.slice(0, -1), `${path}x`, `${path}__init__.py`]
    : [path, path.replace(/(?:\.[\w-]+)?\.(?:so|pyd|pyc)$/, '.py')];

const JUDGES = [isConfiguration, isForAll, isLockFile, isManifest, isProjectFile];

const isJudge = (path: string, words: ReadonlySet<string>): boolean =>
  JUDGES.some((is) => is(path)) || nameOf(path) === '.gitignore' || isNamedAfter(path, words);

/** A test compiled beside its source, which has the same name but for the extension. */
const isCompiled = (path: string, commit: ReadonlySet<string>): boolean => {
  if (path.endsWith('/') || path.endsWith('.py')) return false;
  const stem = stemOf(path);
  for (const source of commit)
    if (source !== path && isCode(source) && folderOf(source) === folderOf(path) && stemOf(source) === stem)
      return true;
  return false;
};

const stemOf = (path: string): string => nameOf(path).replace(/(?:\.d)?\.\w+(?:\.map)?$/, '');
