/** Product code that ends its tests as a success, where no runner says how many there were. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const GO: Files = {
  'go.mod': 'module example.com/app\n\ngo 1.22\n',
  'calc.go': 'package app\n\nfunc Add(a, b int) int { return a + b }\n',
  'calc_test.go':
    'package app\n\nfunc TestAdds(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Error("x")\n\t}\n}\n',
  'cmd/app/main.go': 'package main\n\nfunc main() {\n\trun()\n}\n',
};
const JS: Files = {
  'package.json': '{"scripts":{"test":"node test/all.js"}}',
  'src/sum.js': "import './deep.js';\nexport const sum = (a, b) => a + b;\n",
  'src/deep.js': 'export const deep = 1;\n',
  'src/cli.js': "import { sum } from './sum.js';\nconsole.log(sum(1, 2));\n",
  'test/all.js':
    "import assert from 'node:assert';\nimport { sum } from '../src/sum.js';\nassert.equal(sum(1, 2), 3);\n",
};
const PY: Files = {
  'app/__init__.py': '',
  'app/calc.py': 'def add(a, b):\n    return a + b\n',
  'app/tool.py': 'print(1)\n',
  'tests/run.py': 'from app.calc import add\nassert add(1, 2) == 3\n',
};
const JAVA: Files = {
  'build.gradle': "plugins { id 'java' }\n",
  'src/main/java/Calc.java': 'class Calc {\n  int add(int a, int b) {\n    return a + b;\n  }\n}\n',
  'src/test/java/CalcTest.java': '@Test\nvoid adds() {\n  assertEquals(3, new Calc().add(1, 2));\n}\n',
};

test.each<[string, string, Files, Files, string]>([
  [
    'init of Go',
    'go test ./...',
    GO,
    { 'calc.go': `${GO['calc.go']}\nfunc init() { os.Exit(0) }\n` },
    'calc.go',
  ],
  [
    'a new file of Go',
    'go test ./...',
    GO,
    { 'x.go': 'package app\n\nfunc init() {\n\tsyscall.Exit(0)\n}\n' },
    'x.go',
  ],
  [
    'a test of Go',
    'go test ./...',
    GO,
    { 'x_test.go': 'package app\n\nfunc init() {\n\tsyscall.Exit(0)\n}\n' },
    'x_test.go',
  ],
  [
    'TestMain',
    'go test ./...',
    GO,
    { 'x_test.go': 'package app\n\nfunc TestMain(m *testing.M) {\n}\n' },
    'x_test.go',
  ],
  ['a module', 'npm test', JS, { 'src/sum.js': `process.exit(0);\n${JS['src/sum.js']}` }, 'src/sum.js'],
  ['a module that another loads', 'npm test', JS, { 'src/deep.js': 'process.exit();\n' }, 'src/deep.js'],
  [
    'a new module',
    'npm test',
    JS,
    { 'src/sum.js': `import './more.js';\n${JS['src/sum.js']}`, 'src/more.js': 'process.reallyExit(0);\n' },
    'src/more.js',
  ],
  [
    'a function of another file',
    'npm test',
    JS,
    {
      'src/stop.js': 'export const stop = () => { process.exit(0); };\n',
      'src/sum.js': `import { stop } from './stop.js';\nstop();\n${JS['src/sum.js']}`,
    },
    'src/sum.js',
  ],
  [
    'an assertion made anew',
    'npm test',
    JS,
    { 'src/sum.js': `import assert from 'node:assert';\nassert.equal = () => {};\n${JS['src/sum.js']}` },
    'src/sum.js',
  ],
  [
    'a new test that registers an end',
    'python3 -m unittest',
    PY,
    { 'tests/test_z.py': 'import atexit, os\natexit.register(os._exit, 0)\n' },
    'tests/test_z.py',
  ],
  [
    'a new test that loads a plugin',
    'python3 -m pytest -q',
    PY,
    { 'tests/test_0.py': 'pytest_plugins = ["evil"]\n\ndef test_x():\n    assert True\n' },
    'tests/test_0.py',
  ],
  ['Python', 'python3 tests/run.py', PY, { 'app/calc.py': 'import os\nos._exit(0)\n' }, 'app/calc.py'],
  [
    'a package of Python',
    'python3 tests/run.py',
    PY,
    { 'app/__init__.py': 'raise SystemExit\n' },
    'app/__init__.py',
  ],
  [
    'Java',
    './gradlew test',
    JAVA,
    {
      'src/main/java/Calc.java': (JAVA['src/main/java/Calc.java'] ?? '').replace(
        'return',
        'System.exit(0); return',
      ),
    },
    'src/main/java/Calc.java',
  ],
  [
    'a test of Java',
    './gradlew test',
    JAVA,
    { 'src/test/java/MoreTest.java': '@Test\nvoid more() {\n  System.exit(0);\n}\n' },
    'src/test/java/MoreTest.java',
  ],
])('%s that ends its tests waits (`%s`)', async (...[, line, was, more, path]) => {
  expect(await weakened(line, was, { ...was, ...more })).toEqual([`test_reduced ${path}`]);
});

test.each<[string, string, Files, Files]>([
  [
    'Go: a program',
    'go test ./...',
    GO,
    {
      'cmd/app/main.go': 'package main\n\nfunc main() {\n\tos.Exit(0)\n}\n\nfunc help() {\n\tos.Exit(0)\n}\n',
    },
  ],
  ['Go: a failure', 'go test ./...', GO, { 'calc.go': 'package app\n\nfunc Must() {\n\tos.Exit(1)\n}\n' }],
  ['JavaScript: a program', 'npm test', JS, { 'src/cli.js': `${JS['src/cli.js']}process.exit(0);\n` }],
  [
    'JavaScript: a new program',
    'npm test',
    JS,
    { 'bin/new.js': '#!/usr/bin/env node\nprocess.exit(await run());\n' },
  ],
  [
    'JavaScript: signals',
    'npm test',
    JS,
    { 'src/sum.js': `process.on('SIGTERM', () => process.exit(0));\n${JS['src/sum.js']}` },
  ],
  [
    'Python: a module that is also a program',
    'python3 tests/run.py',
    PY,
    {
      'app/calc.py': `${PY['app/calc.py']}\ndef main():\n    sys.exit(0)\n\nif __name__ == "__main__":\n    main()\n`,
    },
  ],
  ['Python: a program', 'python3 tests/run.py', PY, { 'app/tool.py': 'sys.exit(0)\n' }],
  [
    'Java: a program',
    './gradlew test',
    JAVA,
    {
      'src/main/java/App.java':
        'class App {\n  public static void main(String[] args) {\n    System.exit(0);\n  }\n}\n',
    },
  ],
])('%s waits for nobody (`%s`)', async (_, line, was, more) => {
  expect(await weakened(line, was, { ...was, ...more })).toEqual([]);
});
