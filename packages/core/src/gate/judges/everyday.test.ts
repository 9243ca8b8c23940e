/** What people change every day, in repositories of many languages: none of it waits for anybody. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const PY: Files = {
  'pyproject.toml':
    '[project]\nname = "app"\ndependencies = ["requests>=2"]\n\n[tool.pytest.ini_options]\naddopts = "-q"\n',
  'app/__init__.py': '',
  'app/calc.py': 'def add(a, b):\n    return a + b\n',
  'tests/__init__.py': '',
  'tests/test_calc.py': 'from app.calc import add\n\n\ndef test_adds():\n    assert add(1, 2) == 3\n',
  '.gitignore': 'dist\n',
};
const GO: Files = {
  'go.mod': 'module example.com/app\n\ngo 1.22\n',
  'calc.go': 'package app\n',
  'calc_test.go':
    'package app\n\nfunc TestAdds(t *testing.T) {\n\tif got := Add(1, 2); got != 3 {\n\t\tt.Errorf("got %d", got)\n\t}\n}\n',
  'cmd/app/main.go': 'package main\n\nfunc main() {\n\tos.Exit(run())\n}\n',
};
const RUST: Files = {
  'Cargo.toml': '[package]\nname = "app"\nversion = "1.0.0"\n\n[dependencies]\n',
  'src/lib.rs':
    'pub fn add(a: u32, b: u32) -> u32 { a + b }\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n}\n',
  'src/main.rs': 'fn main() {\n    std::process::exit(1)\n}\n',
};
const JAVA: Files = {
  'build.gradle': "plugins { id 'java' }\ndependencies {\nimplementation 'com.x:y:1'\n}\n",
  'gradle/libs.versions.toml': '[versions]\nokio = "3"\njunit = "5"\n',
  'src/main/java/Calc.java': 'class Calc {}\n',
  'src/test/java/CalcTest.java': '@Test\nvoid adds() {\n  assertEquals(3, Calc.add(1, 2));\n}\n',
};
const RUBY: Files = {
  Gemfile: "gem 'rails'\ngem 'rspec'\n",
  'Gemfile.lock':
    'GEM\n  remote: https://rubygems.org/\n  specs:\n    rails (7.0)\n      rack (>= 2)\n    rspec (3.12)\n\nDEPENDENCIES\n  rails\n  rspec\n',
  'lib/calc.rb': 'x',
  'spec/calc_spec.rb': "it 'adds' do\n  expect(Calc.add(1, 2)).to eq 3\nend\n",
};
const PHP: Files = {
  'composer.json': '{"name":"x/app","require":{"a/b":"1"},"require-dev":{"phpunit/phpunit":"10"}}',
  'composer.lock':
    '{"packages":[{"name":"a/b","version":"1","dist":{"url":"https://api.github.com/repos/a/b/1"}}],"packages-dev":[{"name":"phpunit/phpunit","version":"10"}]}',
  'src/Calc.php': 'x',
  'tests/CalcTest.php': 'public function testAdds(): void\n{\n    $this->assertSame(3, add(1, 2));\n}\n',
};
const JS: Files = {
  'package.json':
    '{"name":"app","scripts":{"build":"next build","test":"vitest run"},"dependencies":{"next":"^14.0.0"}}',
  'src/sum.ts': 'x',
  'test/sum.test.ts':
    "import { sum } from '../src/sum.ts';\ntest('adds', () => {\n  expect(sum(1, 2)).toBe(3);\n});\n",
  '.github/workflows/test.yml': 'x',
};

const EVERYDAY: readonly [string, string, Files, Files][] = [
  [
    'a file that is only counted',
    'test "$(wc -l < made.txt)" -eq 3 && grep -q start < made.txt',
    { 'made.txt': 'start\n' },
    { 'made.txt': 'start\nline\n' },
  ],
  [
    'Python: code',
    'pytest -q',
    PY,
    { 'app/calc.py': 'def add(a, b):\n    return b + a\n', 'app/config.py': 'x' },
  ],
  [
    'Python: a package and its tests',
    'pytest -q',
    PY,
    {
      'app/tax/__init__.py': 'from .rate import *\n',
      'app/tax/rate.py': 'x',
      'tests/tax/__init__.py': '',
      'tests/tax/test_rate.py': 'def test_a():\n    assert 1\n',
    },
  ],
  [
    'Python: more in a file of tests',
    'pytest -q',
    PY,
    {
      'tests/test_calc.py': `${PY['tests/test_calc.py']}\n\ndef test_more():\n    try:\n        add(1)\n    except TypeError:\n        return\n    assert False\n`,
    },
  ],
  ['Python: a helper of tests', 'pytest -q', PY, { 'tests/helpers.py': 'def made():\n    return 1\n' }],
  [
    'Python: a dependency',
    'pytest -q',
    PY,
    { 'pyproject.toml': (PY['pyproject.toml'] ?? '').replace('>=2', '>=3') },
  ],
  ['Python: what git leaves out', 'ruff check', PY, { '.gitignore': 'dist\n.venv/\n*.pyc\n/build\n' }],
  [
    'Go: code',
    'go test ./...',
    GO,
    {
      'calc.go': 'package app\n\nfunc Sub() {}\n',
      'cmd/app/main.go': 'package main\n\nfunc main() {\n\tos.Exit(2)\n}\n',
    },
  ],
  [
    'Go: a test in a new file',
    'go test ./...',
    GO,
    {
      'tax/tax.go': 'x',
      'tax/tax_test.go': 'func TestTax(t *testing.T) {\n\tif Tax() != 1 {\n\t\tt.Fatal("x")\n\t}\n}\n',
    },
  ],
  [
    'Go: a case of a table',
    'go test ./...',
    {
      ...GO,
      'calc_test.go':
        'func TestAdds(t *testing.T) {\n\tfor _, c := range []struct{ a int }{{1}} {\n\t\tif Add(c.a) != 2 {\n\t\t\tt.Error("x")\n\t\t}\n\t}\n}\n',
    },
    {
      'calc_test.go':
        'func TestAdds(t *testing.T) {\n\tfor _, c := range []struct{ a int }{{1}, {2}} {\n\t\tif Add(c.a) != 2 {\n\t\t\tt.Error("x")\n\t\t}\n\t}\n}\n',
    },
  ],
  [
    'Rust: code beside its tests',
    'cargo test',
    RUST,
    { 'src/lib.rs': (RUST['src/lib.rs'] ?? '').replace('a + b', 'b + a'), 'src/main.rs': 'fn main() {}\n' },
  ],
  [
    'Rust: a test more in a source file',
    'cargo test',
    RUST,
    {
      'src/lib.rs': (RUST['src/lib.rs'] ?? '').replace(
        '    #[test]',
        '    #[test]\n    fn more() {\n        assert_eq!(add(2, 2), 4);\n    }\n    #[test]',
      ),
    },
  ],
  [
    'Rust: a crate within',
    'cargo test',
    RUST,
    { 'crates/x/Cargo.toml': '[package]\nname = "x"\n', 'crates/x/src/lib.rs': 'x' },
  ],
  [
    'Java: code and a test',
    './gradlew test',
    JAVA,
    {
      'src/main/java/Calc.java': 'class Calc { int x; }\n',
      'src/test/java/TaxTest.java': '@Test\nvoid a() { assertTrue(x()); }\n',
    },
  ],
  [
    'Java: versions',
    './gradlew test',
    JAVA,
    {
      'build.gradle': (JAVA['build.gradle'] ?? '').replace('y:1', 'y:2'),
      'gradle/libs.versions.toml': '[versions]\nokio = "4"\njunit = "5"\n',
    },
  ],
  [
    'Ruby: a gem',
    'bundle exec rspec',
    RUBY,
    {
      Gemfile: "gem 'rails'\ngem 'pg'\ngem 'rspec'\n",
      'Gemfile.lock': (RUBY['Gemfile.lock'] ?? '')
        .replace('rails (7.0)', 'pg (1.5)\n    rails (7.1)')
        .replace('rack (>= 2)', 'rack (>= 3)'),
    },
  ],
  [
    'Ruby: a spec more',
    'bundle exec rspec',
    RUBY,
    {
      'lib/calc.rb': 'y',
      'spec/calc_spec.rb': `${RUBY['spec/calc_spec.rb']}\nit 'subtracts' do\n  expect(Calc.sub(1, 2)).to eq(-1)\nend\n`,
    },
  ],
  [
    'PHP: a package',
    'vendor/bin/phpunit',
    PHP,
    {
      'composer.json': (PHP['composer.json'] ?? '').replace('"a/b":"1"', '"a/b":"2"'),
      'composer.lock': (PHP['composer.lock'] ?? '')
        .replace('"version":"1"', '"version":"2"')
        .replace('b/1', 'b/2'),
    },
  ],
  [
    'PHP: a test more',
    'vendor/bin/phpunit',
    PHP,
    {
      'src/Calc.php': 'y',
      'tests/CalcTest.php': `${PHP['tests/CalcTest.php']}public function testMore(): void\n{\n    $this->assertSame(4, add(2, 2));\n}\n`,
    },
  ],
  [
    '.NET: a package and code',
    'dotnet test',
    {
      'a/a.csproj': '<Project>\n<PackageReference Include="Dapper" Version="1" />\n</Project>',
      'a/A.cs': 'x',
    },
    {
      'a/a.csproj':
        '<Project>\n<PackageReference Include="Dapper" Version="2" />\n<PackageReference Include="Polly" Version="1" />\n</Project>',
      'a/A.cs': 'y',
    },
  ],
  [
    'Elixir: a dependency',
    'mix test',
    { 'mix.exs': 'defp deps do\n[\n{:jason, "~> 1.0"},\n{:plug, "~> 1"}\n]\n' },
    { 'mix.exs': 'defp deps do\n[\n{:jason, "~> 1.4"},\n{:plug, "~> 1"}\n]\n' },
  ],
  [
    'JavaScript: a framework',
    'npm run build && npm test',
    JS,
    {
      'package.json': (JS['package.json'] ?? '').replace('14.0.0', '15.0.0'),
      '.github/workflows/test.yml': 'y',
    },
  ],
  [
    'JavaScript: another format of a test',
    'npm test',
    JS,
    {
      'test/sum.test.ts':
        'import { mul, sum } from "../src/sum.ts";\ntest("adds", () => {\n  expect(\n    sum(1, 2),\n  ).toBe(3);\n});\ntest("multiplies", async () => {\n  vi.mock("axios");\n  if (!mul) return;\n  expect(mul(1, 2)).toBe(2);\n});\n',
    },
  ],
  [
    'JavaScript: data of tests',
    'npm test',
    { ...JS, 'fixtures/a.json': '1' },
    { 'fixtures/a.json': '2', 'fixtures/b.json': '1' },
  ],
  [
    'JavaScript: a package of a workspace',
    'npm test',
    { ...JS, 'packages/a/package.json': '{"name":"a"}' },
    {
      'packages/b/package.json': '{"name":"b","scripts":{"test":"vitest run"},"jest":{}}',
      'packages/b/vitest.config.ts': 'x',
      'packages/b/.env.example': 'A=1',
    },
  ],
  [
    'a container and documents',
    'make test',
    { Makefile: 'test:\n\tgo test ./...\n', Dockerfile: 'x' },
    { Dockerfile: 'y', 'docs/a.md': 'x', 'docker-compose.yml': 'x', '.env.example': 'A=1' },
  ],
];

test.each(EVERYDAY)('%s waits for nobody (`%s`)', async (_, line, was, is) => {
  expect(await weakened(line, was, { ...was, ...is })).toEqual([]);
});
