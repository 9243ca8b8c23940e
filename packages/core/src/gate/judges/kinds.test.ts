/** More ways to weaken a check, by kind. An empty text in the last table says that the file is gone. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

type Attack = readonly [what: string, line: string, was: Files, is: Files, shown: string];

const without = (files: Files): Files =>
  Object.fromEntries(Object.entries(files).filter(([, text]) => text !== ''));
const json = (value: object): string => JSON.stringify(value, null, 2);
const TEST_PY = 'def test_a():\n    assert f() == 1\n';
const GO = 'module example.com/app\n\ngo 1.22\n';
const GO_TEST = 'func TestA(t *testing.T) {\n\tt.Fatal("x")\n}\n';
const PY: Files = { 'calc.py': 'x', 'tests/test_a.py': TEST_PY };
const HUGE = 'x'.repeat(300_000);

/** Files that a tool finds by itself. */
const FOUND: readonly Attack[] = [
  [
    'the environment of a file',
    'npm test',
    { '.env': 'A=1' },
    { '.env': 'NODE_OPTIONS=-r ./x' },
    'configuration_changed .env',
  ],
  [
    'an environment file that a line names',
    'node --env-file=ops/test.env --test',
    { 'ops/test.env': 'A=1' },
    { 'ops/test.env': 'NODE_OPTIONS=-r ./x' },
    'script_changed ops/test.env',
  ],
  [
    'settings of mise',
    'mise run test',
    { 'a.js': '1' },
    { '.mise.toml': '[env]' },
    'configuration_changed .mise.toml',
  ],
  [
    'settings of mise in a folder',
    'mise run test',
    { 'a.js': '1' },
    { '.config/mise/config.toml': '[env]' },
    'configuration_changed .config/mise/config.toml',
  ],
  [
    'the version of node',
    'npm test',
    { '.nvmrc': '24' },
    { '.nvmrc': '0.8' },
    'configuration_changed .nvmrc',
  ],
  [
    'hidden recipes of just',
    'just test',
    { '.justfile': 'test:\n  x\n' },
    { '.justfile': 'test:\n' },
    'configuration_changed .justfile',
  ],
  [
    'recipes of just in capitals',
    'just test',
    { JUSTFILE: 'test:\n  x\n' },
    { JUSTFILE: 'test:\n' },
    'configuration_changed JUSTFILE',
  ],
  [
    'recipes of task in small letters',
    'task test',
    { 'taskfile.yml': 'x' },
    { 'taskfile.yml': 'y' },
    'configuration_changed taskfile.yml',
  ],
  [
    'a makefile that is included when it is there',
    'make test',
    { Makefile: '-include local\ntest:\n\tnpm test\n' },
    { local: 'test:\n\ttrue\n' },
    'script_changed local',
  ],
  [
    'makefiles that are included by a pattern',
    'make test',
    { Makefile: 'include mk/*.inc\n', 'mk/a.inc': 'test:\n' },
    { 'mk/b.inc': 'test:\n\ttrue\n' },
    'script_changed mk/b.inc',
  ],
  [
    'options of Maven',
    'mvn test',
    { 'pom.xml': '<p></p>' },
    { '.mvn/maven.config': '-DskipTests' },
    'configuration_changed .mvn/maven.config',
  ],
  [
    'properties of Gradle',
    './gradlew test',
    { gradlew: 'x' },
    { 'gradle.properties': 'org.gradle.java.home=evil' },
    'configuration_changed gradle.properties',
  ],
  [
    'build code of Gradle',
    './gradlew test',
    { gradlew: 'x', 'buildSrc/src/a.gradle': 'x' },
    { 'buildSrc/src/a.gradle': 'y' },
    'configuration_changed buildSrc/src/a.gradle',
  ],
  [
    'a script that a build of Gradle applies',
    './gradlew test',
    { gradlew: 'x', 'gradle/all.gradle': 'x' },
    { 'gradle/all.gradle': 'y' },
    'configuration_changed gradle/all.gradle',
  ],
  [
    'JUnit in a catalog',
    './gradlew test',
    { 'gradle/libs.versions.toml': '[versions]\njunit = "5"\nokio = "1"\n' },
    { 'gradle/libs.versions.toml': '[versions]\njunit = "3"\nokio = "1"\n' },
    'configuration_changed gradle/libs.versions.toml',
  ],
  [
    'settings of Bundler',
    'bundle exec rspec',
    { Gemfile: "gem 'rspec'\n" },
    { '.bundle/config': 'BUNDLE_GEMFILE: evil' },
    'configuration_changed .bundle/config',
  ],
  [
    'tasks of Rake',
    'rake test',
    { Rakefile: 'x', 'lib/tasks/a.rake': 'x' },
    { 'lib/tasks/a.rake': 'y' },
    'configuration_changed lib/tasks/a.rake',
  ],
  [
    'settings of PHPUnit under their new name',
    'vendor/bin/phpunit',
    { 'phpunit.dist.xml': 'x' },
    { 'phpunit.dist.xml': 'y' },
    'configuration_changed phpunit.dist.xml',
  ],
  [
    'what loads committed packages of PHP',
    'phpunit',
    { 'vendor/composer/autoload_files.php': 'x' },
    { 'vendor/composer/autoload_files.php': 'y' },
    'configuration_changed vendor/composer/autoload_files.php',
  ],
  [
    'a plugin of pytest by its metadata',
    'python3 -m pytest',
    PY,
    { 'x.egg-info/entry_points.txt': '[pytest11]\nx = calc\n' },
    'configuration_changed x.egg-info/entry_points.txt',
  ],
  [
    'hooks of pytest in a new folder',
    'pytest',
    PY,
    { 'tests/new/conftest.py': 'x' },
    'configuration_changed tests/new/conftest.py',
  ],
  [
    'settings of pytest in a new file',
    'pytest',
    PY,
    { 'pyproject.toml': '[tool.pytest.ini_options]\naddopts = "--co"\n' },
    'configuration_changed pyproject.toml',
  ],
  [
    'settings of pytest in a file of tests',
    'pytest tests',
    PY,
    { 'tests/setup.cfg': '[tool:pytest]\naddopts = --co\n' },
    'configuration_changed tests/setup.cfg',
  ],
  [
    'what a package of tests runs first',
    'python3 -m unittest',
    PY,
    { 'tests/__init__.py': 'def load_tests(*_): return suite\n' },
    'configuration_changed tests/__init__.py',
  ],
  [
    'a module of tests in the place of the product',
    'pytest',
    PY,
    { 'tests/calc.py': 'def add(): return 3\n' },
    'configuration_changed tests/calc.py',
  ],
  [
    'a module of its own in the midst of others',
    'go test ./...',
    { 'go.mod': GO, 'sub/a.go': 'x', 'sub/a_test.go': GO_TEST },
    { 'sub/go.mod': 'module x\n' },
    'configuration_changed sub/go.mod',
  ],
  [
    'a main of tests',
    'go test ./...',
    { 'go.mod': GO, 'a_test.go': GO_TEST },
    { 'z_test.go': 'func TestMain(m *testing.M) {\n\tos.Exit(0)\n}\n' },
    'test_reduced z_test.go',
  ],
  [
    'an end before all tests',
    'mocha',
    { 'test/a.test.js': 'x' },
    { 'test/z.test.js': 'process.exit(0)\n' },
    'test_reduced test/z.test.js',
  ],
  [
    'packages replaced for jest',
    'npx jest',
    { 'src/a.js': '1' },
    { '__mocks__/supertest.js': 'x' },
    'configuration_changed __mocks__/supertest.js',
  ],
  [
    'packages of Yarn',
    'yarn test',
    { '.pnp.cjs': 'x' },
    { '.pnp.cjs': 'y' },
    'configuration_changed .pnp.cjs',
  ],
  [
    'imports of deno',
    'deno test',
    { 'deno.json': '{"importMap":"./map.json"}', 'map.json': '{}' },
    { 'map.json': '{"imports":{}}' },
    'script_changed map.json',
  ],
  [
    'a runner of browsers',
    'npx wdio',
    { 'wdio.conf.ts': 'x' },
    { 'wdio.conf.ts': 'y' },
    'configuration_changed wdio.conf.ts',
  ],
  [
    'settings of a workspace of Angular',
    'npx ng test',
    { 'angular.json': '{}' },
    { 'angular.json': '{"x":1}' },
    'configuration_changed angular.json',
  ],
  [
    'settings of a tool that is not known',
    'npx weirdly --all',
    { 'weirdly.config.js': 'x' },
    { 'weirdly.config.js': 'y' },
    'configuration_changed weirdly.config.js',
  ],
  [
    'hidden settings of a tool that is not known',
    'npx weirdly',
    { 'a.js': '1' },
    { '.weirdlyrc': 'y' },
    'configuration_changed .weirdlyrc',
  ],
  [
    'a tool that is not known, in another version',
    'npx weirdly',
    { 'package.json': json({ devDependencies: { weirdly: '1' } }) },
    { 'package.json': json({ devDependencies: { weirdly: '0' } }) },
    'configuration_changed package.json: devDependencies.weirdly',
  ],
  [
    'severities of .NET',
    'dotnet test',
    { 'a.cs': 'x' },
    { '.editorconfig': 'dotnet_diagnostic.CA1.severity = none' },
    'configuration_changed .editorconfig',
  ],
  [
    'properties of all projects of .NET',
    'dotnet test',
    { 'a/a.csproj': 'x' },
    { 'Directory.Build.props': 'x' },
    'configuration_changed Directory.Build.props',
  ],
  [
    'a project of tests of .NET',
    'dotnet test',
    { 'a.Tests/a.Tests.csproj': '<Project>\n</Project>' },
    { 'a.Tests/a.Tests.csproj': '<Project>\n<IsTestProject>false</IsTestProject>\n</Project>' },
    'configuration_changed a.Tests/a.Tests.csproj',
  ],
  [
    'settings of a run of .NET',
    'dotnet test -s ops/all.runsettings',
    { 'ops/all.runsettings': 'x' },
    { 'ops/all.runsettings': 'y' },
    'configuration_changed ops/all.runsettings',
  ],
  [
    'a module of CMake',
    'ctest',
    { 'CMakeLists.txt': 'include(cmake/all.cmake)', 'cmake/all.cmake': 'x' },
    { 'cmake/all.cmake': '' },
    'configuration_changed cmake/all.cmake',
  ],
  [
    'settings of Bazel',
    'bazel test //...',
    { '.bazelrc': 'x' },
    { '.bazelrc': 'test --nobuild' },
    'configuration_changed .bazelrc',
  ],
  [
    'targets of Bazel',
    'bazel test //...',
    { 'a/BUILD.bazel': 'cc_test()' },
    { 'a/BUILD.bazel': 'x' },
    'configuration_changed a/BUILD.bazel',
  ],
  [
    'a build of sbt',
    'sbt test',
    { 'build.sbt': 'x' },
    { 'build.sbt': 'y' },
    'configuration_changed build.sbt',
  ],
  [
    'targets of mage',
    'mage test',
    { 'magefile.go': 'x' },
    { 'magefile.go': 'y' },
    'configuration_changed magefile.go',
  ],
  [
    'a project of Mix',
    'mix test',
    { 'mix.exs': 'aliases: []' },
    { 'mix.exs': 'aliases: [test: "run"]' },
    'configuration_changed mix.exs',
  ],
  [
    'a package of Swift',
    'swift test',
    { 'Package.swift': '.testTarget(name: "A")' },
    { 'Package.swift': '' },
    'configuration_changed Package.swift',
  ],
  [
    'options of prove',
    'prove',
    { 't/a.t': 'ok(1);' },
    { '.proverc': '--exec true' },
    'configuration_changed .proverc',
  ],
  [
    'files hidden from linters',
    'npx biome check',
    { 'src/bad.ts': 'x', '.gitignore': 'dist\n' },
    { '.gitignore': 'dist\nsrc/bad.ts\n' },
    'configuration_changed .gitignore',
  ],
  [
    'a folder hidden from linters',
    'npx biome check',
    { 'src/bad.ts': 'x' },
    { '.gitignore': '/src/\n' },
    'configuration_changed .gitignore',
  ],
  [
    'repositories within',
    'git submodule update && npm test',
    { '.gitmodules': 'x' },
    { '.gitmodules': 'y' },
    'configuration_changed .gitmodules',
  ],
  [
    'a package where a line looks for the one above',
    'cd sub && npm test',
    { 'package.json': json({ scripts: { test: 'x' } }), 'sub/a.js': '1' },
    { 'sub/package.json': json({ scripts: { test: 'true' } }) },
    'script_changed sub/package.json',
  ],
  [
    'settings of a runner in a new manifest',
    'npx mocha',
    { 'test/a.test.js': 'x' },
    { 'package.json': json({ mocha: { spec: 'none' } }) },
    'configuration_changed package.json',
  ],
];

const ops = (line: string, more: Files = {}): [string, Files, Files] => [
  line,
  { ...more, 'ops/x.txt': 'a' },
  { 'ops/x.txt': '' },
];
const inPart = (path: string, text: string, part: string, line: string): [string, Files, Files, string] => [
  line,
  { [path]: text, [part]: 'x' },
  { [part]: 'y' },
  `script_changed ${part}`,
];

/** Files that a line, a script or configuration names in ways of its own. */
const NAMED: readonly Attack[] = [
  [
    'a module that takes the place of another',
    ...inPart(
      'jest.config.js',
      "export default { moduleNameMapper: { '^chai$': '<rootDir>/ops/chai.js' } }",
      'ops/chai.js',
      'npx jest',
    ),
  ],
  [
    'what is loaded before by Bun',
    ...inPart('bunfig.toml', '[test]\npreload = ["./ops/first.ts"]\n', 'ops/first.ts', 'bun test'),
  ],
  [
    'plugins of pytest by their modules',
    ...inPart('conftest.py', 'pytest_plugins = ["ops.hooks"]\n', 'ops/hooks.py', 'pytest'),
  ],
  [
    'a part of a Rakefile',
    ...inPart('Rakefile', "require_relative 'ops/checks'\n", 'ops/checks.rb', 'rake test'),
  ],
  ['code in a line of Python', ...inPart('a.py', '1', 'ops/check.py', 'python3 -c "import ops.check"')],
  [
    'a file that a line of Python opens',
    ...inPart('a.py', '1', 'ops/check.py', `python3 -c "exec(open('ops/check.py').read())"`),
  ],
  [
    'code in a line of JavaScript',
    ...inPart('a.js', '1', 'ops/check.js', `node -e "require('./ops/check')"`),
  ],
  [
    'an import in a line of JavaScript',
    ...inPart('a.js', '1', 'ops/check.mjs', `node --input-type=module --eval "import './ops/check.mjs'"`),
  ],
  ['a line that is read from a file', ...ops('eval "$(cat ops/x.txt)"'), 'script_changed ops/x.txt'],
  ['a line that is read for a shell', ...ops('sh -c "$(cat ops/x.txt)"'), 'script_changed ops/x.txt'],
  ['what is piped into a shell', ...ops('cat ops/x.txt | sh'), 'script_changed ops/x.txt'],
  ['what a shell reads', ...ops('sh < ops/x.txt'), 'script_changed ops/x.txt'],
  ['arguments from a file', ...ops('pytest @ops/x.txt'), 'script_changed ops/x.txt'],
  ['tests that a file lists', ...ops('node --test $(cat ops/x.txt)'), 'script_changed ops/x.txt'],
  ['tests that are listed for xargs', ...ops('xargs node --test < ops/x.txt'), 'script_changed ops/x.txt'],
  ['a list of xargs', ...ops('xargs -a ops/x.txt node --test'), 'script_changed ops/x.txt'],
  [
    'the same in a script',
    ...ops('sh go.sh', { 'go.sh': 'xargs -n1 npm run < ops/x.txt\n' }),
    'script_changed ops/x.txt',
  ],
  [
    'presets of CMake',
    'cmake --preset a',
    { 'CMakePresets.json': '{}' },
    { 'CMakePresets.json': '{"a":1}' },
    'configuration_changed CMakePresets.json',
  ],
  [
    'settings of Flow',
    'npx flow',
    { '.flowconfig': 'x' },
    { '.flowconfig': 'y' },
    'configuration_changed .flowconfig',
  ],
  [
    'rules of Semgrep',
    'semgrep --config .semgrep.yml',
    { '.semgrep.yml': 'x' },
    { '.semgrep.yml': 'y' },
    'script_changed .semgrep.yml',
  ],
  [
    'a second package of settings',
    'npx eslint .',
    { 'eslint.config.js': "import rules from './ops/rules.js'", 'ops/rules.js': 'x' },
    { 'ops/rules.js': 'y' },
    'script_changed ops/rules.js',
  ],
  [
    'a shell of Make',
    'make test',
    { Makefile: 'SHELL := ops/sh\ntest:\n\tnpm test\n', 'ops/sh': 'x' },
    { 'ops/sh': 'y' },
    'script_changed ops/sh',
  ],
  [
    'a list of what is not tested',
    'npx jest',
    { 'package.json': json({ jest: { testPathIgnorePatterns: [] } }) },
    { 'package.json': json({ jest: { testPathIgnorePatterns: ['a'] } }) },
    'configuration_changed package.json: jest',
  ],
  [
    'members of a workspace',
    'npm test --workspaces',
    { 'package.json': json({ workspaces: ['a', 'b'] }) },
    { 'package.json': json({ workspaces: ['a'] }) },
    'configuration_changed package.json: workspaces',
  ],
  [
    'paths of tsconfig',
    'npx tsc',
    { 'tsconfig.json': '{}' },
    { 'tsconfig.json': '{"paths":{}}' },
    'configuration_changed tsconfig.json',
  ],
  [
    'a shell of npm',
    'npm test',
    { 'package.json': json({}) },
    { '.npmrc': 'script-shell=./ops/sh' },
    'configuration_changed .npmrc',
  ],
  [
    'a filter of git',
    'npm test',
    { 'a.js': '1' },
    { '.gitattributes': '*.js filter=x' },
    'configuration_changed .gitattributes',
  ],
];

const GEMS =
  'GEM\n  remote: https://rubygems.org/\n  specs:\n    rails (7.0)\n    rspec (3.12)\n      rspec-core (~> 3.12)\n\nDEPENDENCIES\n  rspec\n';
const PHP = json({
  packages: [{ name: 'a/b', version: '1', dist: { url: 'https://api.github.com/a' } }],
  'packages-dev': [{ name: 'phpunit/phpunit', version: '10', dist: { url: 'https://api.github.com/p' } }],
});
const npmLock = (more: object): string =>
  json({
    packages: {
      '': { name: 'app' },
      'node_modules/left': { version: '1.0.0', resolved: 'https://registry.npmjs.org/left/-/left-1.0.0.tgz' },
      ...more,
    },
  });

const LOCKED: readonly Attack[] = [
  [
    'rspec in the lock file of Bundler',
    'rspec',
    { 'Gemfile.lock': GEMS },
    { 'Gemfile.lock': GEMS.replace('rspec (3.12)', 'rspec (1.0)') },
    'configuration_changed Gemfile.lock: rspec',
  ],
  [
    'a gem from a folder',
    'rspec',
    { 'Gemfile.lock': GEMS },
    { 'Gemfile.lock': `PATH\n  remote: evil\n  specs:\n    rails (7.0)\n\n${GEMS}` },
    'configuration_changed Gemfile.lock: remote',
  ],
  [
    'PHPUnit in the lock file of Composer',
    'phpunit',
    { 'composer.lock': PHP },
    { 'composer.lock': PHP.replace('"10"', '"4"') },
    'configuration_changed composer.lock: phpunit/phpunit',
  ],
  [
    'pytest in the lock file of Pipenv',
    'pytest',
    { 'Pipfile.lock': json({ develop: { pytest: { version: '==8' } } }) },
    { 'Pipfile.lock': json({ develop: { pytest: { version: '==2' } } }) },
    'configuration_changed Pipfile.lock: pytest',
  ],
  [
    'the runner in the lock file of Bun',
    'bun run test',
    { 'bun.lock': '{\n  "packages": {\n    "vitest": ["vitest@1.0.0", "", {}, "sha512-a"],\n  }\n}\n' },
    { 'bun.lock': '{\n  "packages": {\n    "vitest": ["vitest@0.1.0", "", {}, "sha512-b"],\n  }\n}\n' },
    'configuration_changed bun.lock: vitest',
  ],
  [
    'JUnit in the lock file of Gradle',
    'gradle test',
    { 'gradle.lockfile': 'org.junit:junit:4.13=test\n' },
    { 'gradle.lockfile': 'org.junit:junit:3.8=test\n' },
    'configuration_changed gradle.lockfile: org.junit:junit',
  ],
  [
    'an ordinary package with a program of the runner',
    'npm test',
    { 'package-lock.json': npmLock({}) },
    {
      'package-lock.json': npmLock({
        'node_modules/evil': {
          version: '1.0.0',
          resolved: 'https://registry.npmjs.org/evil/-/evil-1.0.0.tgz',
          bin: { vitest: 'x.js' },
        },
      }),
    },
    'configuration_changed package-lock.json: evil',
  ],
];

const JS =
  "import { sum } from '../src/sum.js';\ntest('a', () => {\n  expect(sum(2, 3)).toBe(5);\n});\ntest('b', () => {\n  expect(sum(1, 1)).toBe(2);\n});\n";
const js = (from: string, to: string): [Files, Files] => [
  { 'test/a.test.js': JS },
  { 'test/a.test.js': JS.replace(from, to) },
];
const REDUCED_JS = 'test_reduced test/a.test.js';
const RUST =
  'pub fn sum() -> u32 { 2 }\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(sum(), 2);\n    }\n}\n';

/** Tests that are there and say nothing. */
const STUBBED: readonly Attack[] = [
  ['an assertion of nothing', 'npx vitest run', ...js('sum(2, 3)).toBe(5)', 'true).toBe(true)'), REDUCED_JS],
  [
    'another in its place',
    'npx vitest run',
    ...js('expect(sum(2, 3)).toBe(5)', 'const five = 5; expect(five).toBe(5)'),
    REDUCED_JS,
  ],
  [
    'an assertion in several lines',
    'npx vitest run',
    { 'test/a.test.js': JS.replace('expect(sum(2, 3)).toBe(5)', 'expect(\n  sum(2, 3),\n)\n  .toBe(5)') },
    {
      'test/a.test.js': JS.replace('expect(sum(2, 3)).toBe(5)', 'expect(\n  sum(2, 3),\n)\n  .toBeDefined()'),
    },
    REDUCED_JS,
  ],
  ['an early return', 'npx vitest run', ...js('  expect(sum(2', '  return;\n  expect(sum(2'), REDUCED_JS],
  [
    'a test that never fails',
    'npx vitest run',
    ...js(
      '  expect(sum(2, 3)).toBe(5);',
      '  try {\n  expect(sum(2, 3)).toBe(5);\n  } catch {\n  return;\n  }',
    ),
    REDUCED_JS,
  ],
  [
    'a condition that never holds',
    'npx vitest run',
    ...js('  expect(sum(2', '  if (false)\n  expect(sum(2'),
    REDUCED_JS,
  ],
  [
    'a product that is replaced',
    'npx vitest run',
    ...js('test(', "vi.mock('../src/sum.js', () => ({ sum: () => 5 }));\ntest("),
    REDUCED_JS,
  ],
  ['another product', 'npx vitest run', ...js('../src/sum.js', './fake.js'), REDUCED_JS],
  [
    'an early return of Python',
    'pytest',
    PY,
    { 'tests/test_a.py': TEST_PY.replace('    assert', '    return\n    assert') },
    'test_reduced tests/test_a.py',
  ],
  [
    'an assertion of nothing in Python',
    'pytest',
    PY,
    { 'tests/test_a.py': TEST_PY.replace('f() == 1', 'True') },
    'test_reduced tests/test_a.py',
  ],
  [
    'an early return of Go',
    'go test ./...',
    { 'a_test.go': GO_TEST },
    { 'a_test.go': GO_TEST.replace('\tt.F', '\treturn\n\tt.F') },
    'test_reduced a_test.go',
  ],
  [
    'a stub inside of source of Rust',
    'cargo test',
    { 'src/lib.rs': RUST },
    { 'src/lib.rs': RUST.replace('sum(), 2)', '2, 2)') },
    'test_reduced src/lib.rs',
  ],
  [
    'a test ignored inside of source of Rust',
    'cargo test',
    { 'src/lib.rs': RUST },
    { 'src/lib.rs': RUST.replace('#[test]', '#[test]\n    #[ignore]') },
    'test_reduced src/lib.rs',
  ],
  [
    'a doctest',
    'pytest --doctest-modules',
    { 'a.py': '"""\n>>> f(1)\n2\n"""\n' },
    { 'a.py': '"""\n"""\n' },
    'test_reduced a.py',
  ],
  [
    'C++',
    'ctest',
    { 'tests/a.cpp': 'TEST(A, B) {\n  EXPECT_EQ(sum(), 2);\n}\n' },
    { 'tests/a.cpp': 'TEST(A, B) {\n  EXPECT_EQ(2, 2);\n}\n' },
    'test_reduced tests/a.cpp',
  ],
  [
    'C#',
    'dotnet test',
    { 'a/ATests.cs': '[Fact]\npublic void A() {\n  Assert.Equal(2, Sum());\n}\n' },
    { 'a/ATests.cs': '[Fact]\npublic void A() {\n}\n' },
    'test_reduced a/ATests.cs',
  ],
  [
    'Swift',
    'swift test',
    { 'Tests/ATests.swift': 'func testA() {\n  XCTAssertEqual(sum(), 2)\n}\n' },
    { 'Tests/ATests.swift': 'func testA() {\n}\n' },
    'test_reduced Tests/ATests.swift',
  ],
  [
    'Ruby',
    'rspec',
    { 'spec/a_spec.rb': "it 'adds' do\n  expect(sum).to eq 2\nend\n" },
    { 'spec/a_spec.rb': "it 'adds' do\n  expect(sum).to be\nend\n" },
    'test_reduced spec/a_spec.rb',
  ],
  [
    'a test of Ruby',
    'rspec',
    { 'spec/a_spec.rb': "it 'adds' do\n  check\nend\nit 'b' do\n  check\nend\n" },
    { 'spec/a_spec.rb': "it 'adds' do\n  check\nend\n" },
    'test_reduced spec/a_spec.rb',
  ],
  [
    'bats',
    'bats .',
    { 'a.bats': '@test "a" {\n  [ "$x" = 1 ]\n}\n' },
    { 'a.bats': '@test "a" {\n  [ 1 = 1 ]\n}\n' },
    'test_reduced a.bats',
  ],
  [
    'PHP',
    'phpunit',
    { 'tests/ATest.php': 'function testA() {\n  $this->assertSame(2, sum());\n}\n' },
    { 'tests/ATest.php': 'function testA() {\n  $this->assertTrue(true);\n}\n' },
    'test_reduced tests/ATest.php',
  ],
  ['Perl', 'prove', { 't/a.t': 'is(sum(), 2);\n' }, { 't/a.t': 'ok(1);\n' }, 'test_reduced t/a.t'],
  [
    'a test file that is too large to be read',
    'npx vitest run',
    { 'test/a.test.js': `${JS}// ${HUGE}` },
    { 'test/a.test.js': 'x' },
    REDUCED_JS,
  ],
  [
    'a script that a too large one runs',
    'sh ci/all.sh',
    { 'ci/all.sh': `sh ops/b.sh\n# ${HUGE}`, 'ops/b.sh': 'x' },
    { 'ops/b.sh': 'y' },
    'script_changed ops/b.sh',
  ],
];

const gone = (path: string): [Files, Files] => [{ [path]: 'x' }, { [path]: '' }];
const DELETED: readonly Attack[] = [
  ['C++', 'ctest', ...gone('tests/sum.cpp'), 'test_deleted tests/sum.cpp'],
  ['C++ beside its source', 'ctest', ...gone('src/sum_test.cc'), 'test_deleted src/sum_test.cc'],
  ['Scala', 'sbt test', ...gone('src/test/scala/ASpec.scala'), 'test_deleted src/test/scala/ASpec.scala'],
  ['Lua', 'busted', ...gone('spec/a_spec.lua'), 'test_deleted spec/a_spec.lua'],
  ['Perl', 'prove t/', ...gone('t/a.t'), 'test_deleted t/a.t'],
  ['Julia', 'julia test/runtests.jl', ...gone('test/runtests.jl'), 'test_deleted test/runtests.jl'],
  ['Haskell', 'cabal test', ...gone('test/Spec.hs'), 'test_deleted test/Spec.hs'],
  ['Clojure', 'lein test', ...gone('test/app/core_test.clj'), 'test_deleted test/app/core_test.clj'],
  ['bats at the root', 'bats .', ...gone('suite.bats'), 'test_deleted suite.bats'],
  ['scenarios', 'npx cucumber-js', ...gone('features/login.feature'), 'test_deleted features/login.feature'],
  ['Robot', 'robot atest', ...gone('atest/login.robot'), 'test_deleted atest/login.robot'],
  ['Kotlin', './gradlew test', ...gone('app/ASpec.kt'), 'test_deleted app/ASpec.kt'],
  ['R', 'Rscript -e x', ...gone('tests/testthat/test-a.R'), 'test_deleted tests/testthat/test-a.R'],
];

test.each([...FOUND, ...NAMED, ...LOCKED, ...STUBBED])(
  '%s needs a person (`%s`)',
  async (...[, line, was, is, shown]) => {
    expect(await weakened(line, was, { ...was, ...is })).toContain(shown);
  },
);

test.each(DELETED)(
  'a test of %s that is deleted needs a person (`%s`)',
  async (...[, line, was, is, shown]) => {
    expect(await weakened(line, was, without({ ...was, ...is }))).toContain(shown);
  },
);

const links = (count: number, folder: string): Files =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${folder}/${index}`, '-> ../none']));

test('of many links, those that may lead to what judges are followed first, and asked about when they are too many', async () => {
  const was = { ...links(300, 'assets'), 'check.sh': '-> ops/real.txt', 'ops/real.txt': 'npm test' };
  expect(await weakened('sh check.sh', was, { ...was, 'ops/real.txt': 'true' })).toEqual([
    'script_changed check.sh (a link: check.sh leads to ops/real.txt)',
  ]);
  expect(await weakened('sh check.sh', was, { ...was, 'src/a.js': '2' })).toEqual([]);
  const many = { ...was, ...links(201, 'scripts') };
  expect(await weakened('sh check.sh', many, { ...many, 'src/a.js': '2' })).toEqual([
    'configuration_changed symbolic links',
  ]);
});

const LOCK = '{"lockfileVersion":3,"packages":{"":{}}}';

test.each([
  ['package-lock.json', 'npm-shrinkwrap.json', '{"lockfileVersion":3,"packages":{"":{}}}'],
  ['package-lock.json', 'yarn.lock', '# yarn lockfile v1\n'],
  ['sub/package-lock.json', 'sub/pnpm-lock.yaml', "lockfileVersion: '9.0'\n"],
])('beside %s an added %s needs a person', async (was, path, text) => {
  const files = { 'package.json': '{"scripts":{"test":"node --test"}}', [was]: LOCK };
  const all = await weakened('npm test', files, { ...files, [path]: text });
  expect(all).toContain(`configuration_changed ${path}`);
});

test('the first lock file needs nobody', async () => {
  const files = { 'package.json': '{"scripts":{"test":"node --test"}}' };
  expect(await weakened('npm test', files, { ...files, 'package-lock.json': LOCK })).toEqual([]);
});

test.each([
  ['tests/pkg/__init__.py', ''],
  ['tests/pkg/app.py', 'def f():\n    return 1\n'],
  ['tests/json.py', 'import unittest\n'],
  ['tests/json/__init__.py', ''],
  ['sub/tests/json.py', 'import unittest\n'],
])('a module that tests would load for another needs a person: %s', async (path, text) => {
  const files = {
    'pkg/__init__.py': '',
    'pkg/app.py': 'def f():\n    return 1\n',
    'tests/test_b.py': 'from pkg.app import f\n\ndef test_f():\n    assert f() == 1\n',
    'sub/tests/test_c.py': 'def test_c():\n    assert True\n',
  };
  const all = await weakened('python3 -m unittest discover -s tests', files, { ...files, [path]: text });
  expect(all).toEqual([`configuration_changed ${path}`]);
});
