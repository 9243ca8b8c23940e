/**
 * Tests inside product files. Such a file always comes from the change, so only its text shows whether tests
 * were removed.
 */
import { isConfiguration, isTestFile } from '../repository/judge-paths.ts';
import { isProjectFile } from '../repository/project-files.ts';
import { reductionOf, testsWithin } from '../suite/measure.ts';
import type { Trees } from './trees.ts';

/** Maximum number of product files examined per change. */
const MAX_LOOKED_INTO = 200;

export const testsWithinChanged = async (altered: readonly string[], trees: Trees) => {
  const { target, change, read } = trees;
  const hasDoctests = [...trees.reached.words].some((word) => word.includes('doctest'));
  const paths = altered.filter((path) => target.paths.has(path) && mayHoldTests(path, trees, hasDoctests));
  const found: { kind: 'test_reduced'; subject: string; detail: string }[] = [];
  for (const [index, path] of paths.entries()) {
    if (index >= MAX_LOOKED_INTO) {
      const detail = `${paths.length - index} more files may hold tests that are fewer now`;
      return [...found, { kind: 'test_reduced' as const, subject: path, detail }];
    }
    const [was = '', is = ''] = [await read('target', path), await read('change', path)];
    const moved = change.paths.has(path) ? is : '';
    const reduction = reductionOf(testsWithin(path, was), testsWithin(path, moved));
    if (reduction !== undefined) found.push({ kind: 'test_reduced', subject: path, detail: reduction });
  }
  return found;
};

const mayHoldTests = (path: string, { reached }: Trees, hasDoctests: boolean): boolean => {
  if (isTestFile(path) || isConfiguration(path) || isProjectFile(path) || reached.runs(path)) return false;
  return path.endsWith('.rs') || (hasDoctests && path.endsWith('.py'));
};
