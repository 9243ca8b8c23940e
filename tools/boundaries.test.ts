import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { boundaryProblems, RULES } from './boundaries.ts';
import { readTree } from './tree.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One wrong import per line: rule, importing file, specifier. */
const PLANTED: readonly [rule: string, path: string, specifier: string][] = [
  ['packages-see-only-their-side', 'packages/contract/src/a.ts', '@berth/core'],
  ['packages-see-only-their-side', 'packages/plugin-api/src/a.ts', '@berth/core'],
  ['packages-see-only-their-side', 'packages/core/src/task/a.ts', '@berth/server'],
  ['packages-see-only-their-side', 'packages/plugins/src/drivers/a.ts', '@berth/core/kernel'],
  ['packages-see-only-their-side', 'packages/guest/src/a.ts', '@berth/plugin-api'],
  ['packages-see-only-their-side', 'packages/sdk/src/a.ts', '@berth/core'],
  ['packages-see-only-their-side', 'packages/cli/src/a.ts', '@berth/server'],
  ['packages-see-only-their-side', 'packages/cli/src/a.test.ts', '@berth/server'],
  ['packages-see-only-their-side', 'packages/server/src/a.ts', '@berth/sdk'],
  ['packages-are-entered-by-name', 'packages/sdk/src/a.ts', '../../contract/src/index.ts'],
  ['packages-are-entered-by-name', 'packages/cli/src/a.ts', '../../../tools/tree.ts'],
  ['only-main-wires-plugins', 'packages/server/src/http/a.ts', '@berth/plugins/drivers'],
  ['folders-of-the-server-see-what-lies-below', 'packages/server/src/secrets/a.ts', '../home/home.ts'],
  ['folders-of-the-server-see-what-lies-below', 'packages/server/src/machines/a.ts', '../gateway/router.ts'],
  ['folders-of-the-server-see-what-lies-below', 'packages/server/src/config/a.ts', '../main.ts'],
  ['folders-of-the-server-see-what-lies-below', 'packages/server/src/git/a.ts', '../new/a.ts'],
  ['folders-of-the-server-see-what-lies-below', 'packages/server/src/new/a.ts', '../system/no-space.ts'],
  [
    'folders-of-the-workflows-see-what-lies-below',
    'packages/core/src/workflows/gate/a.ts',
    '../landing/a.ts',
  ],
  [
    'folders-of-the-workflows-see-what-lies-below',
    'packages/core/src/workflows/attempt/a.ts',
    '../run-task.ts',
  ],
  ['folders-of-the-workflows-see-what-lies-below', 'packages/core/src/workflows/machine/a.ts', '../new/a.ts'],
  ['the-core-sees-what-lies-below', 'packages/core/src/workflows/a.ts', '../verbs/tasks.ts'],
  ['the-core-sees-what-lies-below', 'packages/core/src/verbs/tasks.ts', '../core.ts'],
  ['the-core-sees-what-lies-below', 'packages/core/src/task/a.ts', '../job-handlers.ts'],
  ['sources-see-no-doubles', 'packages/core/src/kernel/a.ts', '../../testing/manual-clock.ts'],
  ['sources-see-no-doubles', 'packages/server/src/http/a.ts', '@berth/core/testing'],
  ['core-does-no-io', 'packages/core/src/task/a.ts', 'node:fs'],
  ['core-does-no-io', 'packages/contract/src/a.ts', 'path'],
  ['the-kernel-stands-alone', 'packages/core/src/kernel/a.ts', '../task/index.ts'],
  ['the-kernel-stands-alone', 'packages/core/src/kernel/a.ts', '../ports.ts'],
  ['slices-are-peers', 'packages/core/src/task/a.ts', '../sandbox/index.ts'],
  ['slices-are-peers', 'packages/core/src/task/a.ts', '../workflows/run-task.ts'],
  ['a-slice-is-entered-by-its-index', 'packages/core/src/workflows/a.ts', '../task/schedule.ts'],
  ['plugins-are-peers', 'packages/plugins/src/drivers/oci/a.ts', '../host/index.ts'],
  ['plugins-are-peers', 'packages/plugins/src/agents/acp.ts', '../drivers/memory.ts'],
];

const ALLOWED: readonly [path: string, specifier: string][] = [
  ['packages/server/src/main.ts', '@berth/plugins/drivers'],
  ['packages/server/src/main.ts', './http/server.ts'],
  ['packages/server/src/http/a.ts', '../machines/drivers.ts'],
  ['packages/server/src/git/hub/a.ts', '../git.ts'],
  ['packages/server/src/secrets/a.test.ts', '../home/home.ts'],
  ['packages/server/test/a.test.ts', '@berth/sdk'],
  ['packages/server/test/a.test.ts', '../../guest/build.mjs'],
  ['packages/core/src/task/a.test.ts', 'node:fs'],
  ['packages/core/src/task/a.test.ts', '../../testing/simulation/repository.ts'],
  ['packages/plugins/testing/create-and-die.ts', '../src/drivers/memory.ts'],
  ['packages/core/src/task/a.ts', '../kernel/saga.ts'],
  ['packages/core/src/task/a.ts', './b.ts'],
  ['packages/core/src/task/a.ts', '../ports.ts'],
  ['packages/core/src/workflows/a.ts', '../task/index.ts'],
  ['packages/core/src/workflows/run-task.ts', './attempt/plan.ts'],
  ['packages/core/src/workflows/attempt/a.ts', '../machine/life.ts'],
  ['packages/core/src/reconcilers/a.ts', '../workflows/machine/life.ts'],
  ['packages/plugins/src/drivers/_registry.ts', './memory.ts'],
  ['packages/plugins/src/drivers/oci/a.ts', './b.ts'],
  ['packages/plugins/src/agents/opencode.ts', './acp/turn.ts'],
  ['packages/plugins/src/drivers/drivers.test.ts', './memory.ts'],
  ['packages/plugins/src/drivers/oci/a.ts', '../../overlay/mount.ts'],
];

/** Two plugins that exist, and the file that imports. */
const tree = (path: string, specifier: string, form: string) => [
  { path: 'packages/plugins/src/drivers/host/index.ts', text: 'export default defineDriver({});' },
  { path: 'packages/plugins/src/drivers/memory.ts', text: 'export default defineDriver({});' },
  { path, text: form.replace('SPECIFIER', specifier) },
];
const FORMS = [
  "import { x } from 'SPECIFIER';",
  "import type {\n  X,\n  Y,\n} from 'SPECIFIER';",
  "import 'SPECIFIER';",
  "export * from 'SPECIFIER';",
  "const x = await import('SPECIFIER');",
];

describe('boundaries', () => {
  test('every rule has a planted violation', () => {
    expect(new Set(PLANTED.map(([rule]) => rule))).toEqual(new Set(RULES.map(({ name }) => name)));
  });

  test.each(PLANTED)('%s bites: %s imports %s', (rule, path, specifier) => {
    for (const form of FORMS) {
      const messages = boundaryProblems(tree(path, specifier, form)).map(({ message }) => message);
      expect(messages.map((message) => message.split(':')[0])).toContain(rule);
    }
  });

  test.each(ALLOWED)('allowed: %s imports %s', (path, specifier) => {
    expect(FORMS.flatMap((form) => boundaryProblems(tree(path, specifier, form)))).toEqual([]);
  });

  test('a cycle of three files is found, once', () => {
    const file = (name: string, next: string) => ({
      path: `packages/sdk/src/${name}.ts`,
      text: `import { ${next} } from './${next}.ts';`,
    });
    const problems = boundaryProblems([file('a', 'b'), file('b', 'c'), file('c', 'a')]);
    expect(problems).toHaveLength(1);
    const erased = { path: 'packages/sdk/src/c.ts', text: "import type { a } from './a.ts';" };
    expect(boundaryProblems([file('a', 'b'), file('b', 'c'), erased])).toEqual([]);
    expect(problems[0]?.message).toMatch(/^no-cycles: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts$/);
  });

  test('this repository keeps them', () => {
    expect(boundaryProblems(readTree(root))).toEqual([]);
  });
});
