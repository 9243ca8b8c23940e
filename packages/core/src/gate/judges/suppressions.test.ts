/** Comments and attributes by which a change has a checker leave its code alone. */
import { expect, test } from 'vitest';
import { type Files, judged } from '../../../testing/judge-trial.ts';

const found = async (was: Files, is: Files): Promise<string[]> =>
  (await judged('make check', was, is)).weakened.map(
    ({ kind, subject, detail }) => `${kind} ${subject} ${detail}`,
  );

test.each(
  [
    ...[
      '// @ts-nocheck',
      '  // @ts-ignore',
      '/* @ts-expect-error */',
      '{/* @ts-ignore */}',
      '// eslint-disable-next-line',
    ],
    ...[
      '/* eslint-disable no-console */',
      'f(); // eslint-disable-line',
      '/* istanbul ignore next */',
      '// prettier-ignore',
    ],
    ...[
      '/* c8 ignore start */',
      '/* v8 ignore next */',
      '// biome-ignore lint/x: because',
      '// deno-lint-ignore-file',
    ],
    ...[
      "declare module '*';",
      'declare module "*" {',
      "declare module 'left-pad';",
      'f(); // NOSONAR',
      ' * @ts-nocheck',
    ],
    ...['/* node:coverage ignore next */', '// $FlowFixMe', '/** @ts-ignore */', '// tslint:disable'],
  ]
    .map((line) => ['src/a.tsx', line])
    .concat(
      [
        ...[
          'x = 1  # noqa',
          'x = 1  # noqa: E501',
          '# type: ignore',
          '# pylint: disable=all',
          '# mypy: ignore-errors',
        ],
        ...[
          '# pragma: no cover',
          'x()  # nosec',
          '# ruff: noqa',
          '#type:ignore',
          '# pyright: basic',
          '@no_type_check',
        ],
      ].map((line) => ['app/a.py', line]),
    )
    .concat([
      ['a.go', 'f() //nolint:errcheck'],
      ['a.go', '\t// #nosec G101'],
      ['a.go', '//lint:ignore SA1019 x'],
      ['src/a.rs', '#[allow(dead_code)]'],
      ['src/a.rs', '#![allow(warnings)]'],
      ['src/a.rs', '#![cfg_attr(test, allow(clippy::all))]'],
      ['A.java', '@SuppressWarnings("unchecked")'],
      ['A.kt', '@file:Suppress("ALL")'],
      ['A.java', 'int a; // CHECKSTYLE:OFF'],
      ['a.rb', 'x # rubocop:disable all'],
      ['a.rb', '# :nocov:'],
      ['a.php', '/** @phpstan-ignore-next-line */'],
      ['a.php', '// phpcs:disable'],
      ['a.cs', '#pragma warning disable CS0168'],
      ['a.cs', '[SuppressMessage("x", "y")]'],
      ['a.cpp', 'int x; // NOLINT(foo)'],
      ['a.h', '#pragma GCC diagnostic ignored "-Wall"'],
      ['a.c', '// cppcheck-suppress all'],
      ['a.swift', '// swiftlint:disable all'],
      ['lib/a.dart', '// ignore_for_file: x'],
      ['a.sh', '# shellcheck disable=SC2086'],
      ['Dockerfile', '# hadolint ignore=DL3006'],
      ['a.sql', 'select 1 -- noqa'],
      ['test/a.test.js', '// eslint-disable-next-line'],
    ]),
)('%s: %s', async (path, line) => {
  const was = { [path]: 'one\ntwo\n' };
  const is = { [path]: `one\n${line}\ntwo\n` };
  const detail = expect.stringMatching(/^check_suppressed .* line 2: `/);
  expect(await found(was, is)).toContainEqual(detail);
  expect((await found({}, is)).filter((one) => one.startsWith('check_suppressed'))).toHaveLength(1);
  // What was there already is the target's.
  expect(await found(is, { [path]: `${is[path]}three\n` })).not.toContainEqual(
    expect.stringContaining('check_suppressed'),
  );
});

test.each<[string, Files, Files]>([
  [
    'moved within a file',
    { 'a.js': '// @ts-ignore\nf();\ng();\n' },
    { 'a.js': 'g();\n// @ts-ignore\nf();\n' },
  ],
  [
    'moved with its code',
    { 'a.js': 'f(); // eslint-disable-line x\n', 'b.js': '' },
    { 'a.js': '', 'b.js': 'f(); // eslint-disable-line x\n' },
  ],
  [
    'a renamed file',
    { 'a.py': '# mypy: ignore-errors\nimport os\n' },
    { 'lib/b.py': '# mypy: ignore-errors\nimport os\n' },
  ],
  ['fewer rules', { 'a.js': '/* eslint-disable a, b */\n' }, { 'a.js': '/* eslint-disable b */\n' }],
  ['removed', { 'a.js': '// @ts-nocheck\nf();\n' }, { 'a.js': 'f();\n' }],
  [
    'words in a string',
    { 'a.js': '' },
    { 'a.js': "f('// @ts-ignore', `# noqa`, '/* eslint-disable */');\n" },
  ],
  ['words in prose', { 'a.md': '' }, { 'a.md': 'Write `// eslint-disable` or\n# noqa\n' }],
  ['words in a comment', { 'a.ts': '' }, { 'a.ts': '// without eslint-disable, and no @ts-ignore either\n' }],
  ['a word of a name', { 'a.rs': '' }, { 'a.rs': '#[derive(Allow)]\nfn allow() {}\n' }],
  ['a URL', { 'a.js': '' }, { 'a.js': 'f(`https://eslint-disable.example`);\n' }],
])('needs no approval: %s', async (_, was, is) => {
  expect(await found(was, is)).toEqual([]);
});

test.each<[string, Files, Files]>([
  ['in place of a narrower one', { 'a.py': 'f()  # noqa: E501\n' }, { 'a.py': 'f()  # noqa\n' }],
  ['for another rule', { 'a.js': '// eslint-disable-line a\n' }, { 'a.js': '// eslint-disable-line b\n' }],
  [
    'one more of the same',
    { 'a.js': '// @ts-ignore\nf();\n' },
    { 'a.js': '// @ts-ignore\nf();\n// @ts-ignore\ng();\n' },
  ],
  [
    'for other code in another file',
    { 'a.ts': '// @ts-nocheck\nold();\n', 'b.ts': '' },
    { 'a.ts': 'old();\n', 'b.ts': '// @ts-nocheck\nmore();\n' },
  ],
])('waits: %s', async (_, was, is) => {
  expect((await found(was, is)).filter((one) => one.startsWith('check_suppressed'))).toHaveLength(1);
});
