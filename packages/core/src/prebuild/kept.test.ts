import { expect, test } from 'vitest';
import { keptOfSetup } from './plan.ts';

test('a layer is without the files of the commit, but with what a set-up checked out of a submodule', () => {
  const { without } = keptOfSetup({ app: { 'a.txt': '1', 'run.sh': 'run 2', shared: 'module 3' } });
  expect(without).toEqual(['app/a.txt', 'app/run.sh']);
});
