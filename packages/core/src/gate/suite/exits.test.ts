/** An exit that runs when a file is loaded, and one that does not. */
import { expect, test } from 'vitest';
import { exitsOnLoad, patchesOnLoad } from './exits.ts';

test.each([
  ['a.js', 'process.exit(0);\nexport const a = 1;\n'],
  ['a.js', "if (process.env.CI) {\n  process['exit']()\n}\n"],
  ['a.ts', 'const quit = (): void => {\n  process.exit(0);\n};\nquit();\n'],
  ['a.ts', '(() => {\n  process.exit(0);\n})();\n'],
  ['a.ts', 'const x = function () { process.exit(0) }();\n'],
  ['a.ts', 'setTimeout(() => process.exit(0), 0);\n'],
  ['a.ts', 'class A {\n  static {\n    process.exit(0);\n  }\n}\n'],
  ['a.ts', "process.on('exit', () => {\n  process.exitCode = 0;\n});\n"],
  ['a.js', 'foo()\n{ process.exit(0) }\n'],
  ['a.js', "import { exit } from 'node:process';\nexit(0);\n"],
  ['a.js', "import { env, exit as done } from 'process';\ndone(0);\n"],
  ['a.js', "import p from 'node:process';\np.exit(0);\n"],
  ['a.js', "import * as p from 'node:process';\np.exit(0);\n"],
  ['a.cjs', "const p = require('node:process');\np.exit(0);\n"],
  ['a.cjs', "const { exit } = require('process');\nexit(0);\n"],
  ['a.js', 'const { exit } = process;\nexit(0);\n'],
  ['a.js', 'const { exit: end } = globalThis.process;\nend(0);\n'],
  ['a.js', 'const p = globalThis.process;\np.exit(0);\n'],
  ['a.js', "const k = 'exit';\nprocess[k](0);\n"],
  ['a.js', "process['ex' + 'it'](0);\n"],
  ['a.js', "Reflect.get(process, 'exit')(0);\n"],
  ['a.js', 'queueMicrotask(process.exit);\n'],
  ['a.js', 'process.exit.bind(process)(0);\n'],
  ['a.js', 'process.exit`0`;\n'],
  ['a.js', 'const done = () => { process.exit(0); }; queueMicrotask(done);\n'],
  ['a.js', 'function done() {\n  process.exit(0);\n}\n[1].map(done);\n'],
  ['a.js', 'const done = () => { process.exit(0); };\ndone``;\n'],
  ['a.js', 'const o = { m() { process.exit(0); } };\no.m?.();\n'],
  ['a.js', 'function Done() { process.exit(0); }\nnew Done;\n'],
  ['a.py', 'from os import _exit\n_exit(0)\n'],
  ['a.py', 'from sys import (argv, exit)\nexit(0)\n'],
  ['a.py', 'import sys as s\ns.exit(0)\n'],
  ['a.py', 'import atexit, os\natexit.register(os._exit, 0)\n'],
  ['a.py', 'getattr(os, "_" + "exit")(0)\n'],
  ['a.rb', 'method(:exit).call(0)\n'],
  ['a.go', 'package app\n\nvar end = os.Exit\n'],
  ['a.go', 'package app\n\nimport . "os"\n'],
  ['A.java', 'class A {\n  IntConsumer end = System::exit;\n}\n'],
  ['a.py', 'import os\nif os.environ.get("CI"):\n    os._exit(0)\n'],
  ['a.py', 'def quit():\n    raise SystemExit\n\nquit()\n'],
  ['a.rb', 'exit! if ENV["CI"]\n'],
  ['a.go', 'package app\n\nfunc init() {\n\tos.Exit(code)\n}\n'],
  ['a.go', 'package app\n\nvar _ = func() int { syscall.Exit(0); return 0 }()\n'],
  ['a.go', 'package app\n\nfunc quit() {\n\tos.Exit(0)\n}\n'],
  ['A.java', 'class A {\n  static {\n    System.exit(0);\n  }\n}\n'],
  ['A.java', 'class A {\n  int sum() {\n    Runtime.getRuntime().halt(0);\n  }\n}\n'],
  ['a.c', '__attribute__((constructor)) static void f(void) {\n  _exit(0);\n}\n'],
  ['a.cpp', 'static int x = (exit(0), 0);\n'],
])('%s ends what loads it: %j', (path, text) => {
  expect(exitsOnLoad(path, text)).toBeGreaterThan(0);
});

test.each([
  ['a.js', 'process.exit(1);\n'],
  ['a.js', 'export const stop = () => process.exit(0);\n'],
  ['a.ts', 'export async function run({ args }: Given): Promise<void> {\n  process.exit(0);\n}\n'],
  ['a.ts', 'class A {\n  async stop(all = true): Promise<void> {\n    process.exit(0);\n  }\n}\n'],
  ['a.ts', "process.on('SIGTERM', () => process.exit(0));\n"],
  ['a.ts', 'for (const one of ALL) process.on(one, () => {\n  server.close(() => process.exit(0));\n});\n'],
  ['a.ts', "import { env, argv } from 'node:process';\nimport process from 'node:process';\n"],
  ['a.ts', "const stop = () => {\n  process.exit(0);\n};\nprocess.on('SIGTERM', stop);\n"],
  ['a.ts', "const { env, platform } = process;\nconst home = process['env'];\n"],
  ['a.ts', 'const stop = () => {\n  process.exit(0);\n};\nexport { stop };\n'],
  ['a.py', 'import os\nimport sys\nfrom os import path, environ\n'],
  ['a.go', 'package app\n\nimport (\n\t"fmt"\n\t"os"\n)\n'],
  ['a.ts', "// process.exit(0)\nconst a = 'x';\n"],
  ['a.py', 'def main():\n    sys.exit(0)\n\nif __name__ == "__main__":\n    main()\n'],
  ['a.py', 'if __name__ == "__main__":\n    sys.exit(run())\n'],
  ['a.rb', 'def quit\n  exit\nend\n'],
  ['a.go', 'package main\n\nfunc main() {\n\tos.Exit(0)\n}\n\nfunc usage() {\n\tos.Exit(2)\n}\n'],
  [
    'a.go',
    'var rootCmd = &cobra.Command{\n\tRun: func(cmd *cobra.Command, args []string) {\n\t\tos.Exit(run())\n\t},\n}\n',
  ],
  ['A.java', 'class A {\n  public static void main(String[] args)\n  {\n    System.exit(0);\n  }\n}\n'],
  [
    'a.c',
    'static void usage(int code)\n{\n  exit(0);\n}\n\nint main(int argc, char **argv) {\n  exit(0);\n}\n',
  ],
  ['a.md', 'process.exit(0)'],
])('%s does not: %j', (path, text) => {
  expect(exitsOnLoad(path, text)).toBe(0);
});

test.each([
  ['a.js', "import assert from 'node:assert';\nassert.equal = () => {};\n", 1],
  ['a.js', 'Object.assign(assert, { equal() {} });\n', 1],
  ['a.js', 'globalThis.expect = () => anything;\n', 1],
  ['a.py', 'unittest.TestCase.assertEqual = lambda *a: None\n', 2],
  ['a.py', 'setattr(unittest.TestCase, "assertEqual", print)\n', 1],
  ['a.py', 'import unittest\nraise unittest.SkipTest("x")\n', 1],
  ['a.py', 'import pytest\npytest.skip(allow_module_level=True)\n', 1],
  ['a.h', '#undef assert\n#define assert(x) ((void)0)\n', 2],
  ['a.js', "import assert from 'node:assert';\nassert.equal(1, 1);\nif (assert.name == 'x') a();\n", 0],
  ['a.py', 'import pytest_asyncio\nself.test = 1\n', 0],
  ['a.h', '#define ASSETS 1\n#undef other\n', 0],
])('%s changes what tests are made of: %j', (path, text, count) => {
  expect(patchesOnLoad(path, text)).toBe(count);
});
