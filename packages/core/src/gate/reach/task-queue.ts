/** Files of task runners that lines name. */
import type { PathIndex } from '../repository/path-index.ts';
import { taskFilesOf } from '../repository/task-files.ts';

export const taskFiles = (index: PathIndex) => {
  const known = new Set<RegExp>();
  return {
    /** Those that are there and were not known before. */
    hear: (word: string): readonly string[] => {
      const files = taskFilesOf(word);
      if (files === undefined || known.has(files)) return [];
      known.add(files);
      return index.filter((path) => files.test(path));
    },
    has: (path: string): boolean => [...known].some((files) => files.test(path)),
  };
};
