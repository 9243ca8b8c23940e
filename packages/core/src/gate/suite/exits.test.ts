/** An exit that runs when a file is loaded, and one that does not. */
import { expect, test } from 'vitest';
import { exitsOnLoad } from './exits.ts';

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
