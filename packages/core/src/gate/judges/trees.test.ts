/** The commit of a submodule judges where scripts, tests or tools lie in it. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const WAS: Files = {
  'check.sh': 'sh shared/checks/all.sh\n',
  'src/a.js': '1',
  'ci/common': '@ 1',
  shared: '@ 1',
  'tests/suite': '@ 1',
  'third_party/zlib': '@ 1',
};

test.each(['ci/common', 'shared', 'tests/suite'])('another commit of %s waits', async (path) => {
  const shown = [`configuration_changed ${path}`];
  expect(await weakened('sh check.sh', WAS, { ...WAS, [path]: '@ 2' })).toEqual(shown);
  const { [path]: _, ...rest } = WAS;
  expect(await weakened('sh check.sh', WAS, rest)).toEqual(shown);
});

test.each(['tools/new', 'node_modules/x', 'vendor/bin'])('a new submodule at %s waits', async (path) => {
  expect(await weakened('sh check.sh', WAS, { ...WAS, [path]: '@ 1' })).toEqual([
    `configuration_changed ${path}`,
  ]);
});

test('files in place of a submodule wait', async () => {
  const { 'ci/common': _, ...rest } = WAS;
  const is = { ...rest, 'ci/common/x.sh': 'true' };
  expect(await weakened('sh check.sh', WAS, is)).toEqual(['configuration_changed ci/common']);
});

test('one of the product does not wait', async () => {
  expect(await weakened('sh check.sh', WAS, { ...WAS, 'third_party/zlib': '@ 2', 'src/lib': '@ 1' })).toEqual(
    [],
  );
});
