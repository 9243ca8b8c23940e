/** The packages of the repository that its checks are made of, as far as what is reached names them. */
import { isPartOfMember, type JudgeMembers } from '../repository/judge-members.ts';
import { foldersAbove, type PathIndex } from '../repository/path-index.ts';
import { joined } from '../repository/paths.ts';
import { loadedByConfiguration } from './judge-texts.ts';

/** Of one package, files whose texts are looked into; all of them judge. */
const MAX_READ = 50;

export const memberPackages = (members: JudgeMembers, index: PathIndex) => {
  const folders = new Set<string>();
  const files = (folder: string | undefined): readonly string[] => {
    if (folder === undefined || folders.has(folder)) return [];
    folders.add(folder);
    return index.below(folder).filter(isPartOfMember).slice(0, MAX_READ);
  };
  return {
    /** Files to look into of those that a text in a folder loads. */
    loadedBy: (folder: string, text: string): readonly string[] =>
      loadedByConfiguration(text).flatMap((name) =>
        files(members.named(name) ?? members.holding(joined(folder, name))),
      ),
    started: (programs: readonly string[]): readonly string[] =>
      programs.flatMap((program) => files(members.bringing(program))),
    /** Whether a file is of such a package, there or not. */
    has: (path: string): boolean =>
      folders.size > 0 && isPartOfMember(path) && foldersAbove(path).some((one) => folders.has(`${one}/`)),
  };
};
