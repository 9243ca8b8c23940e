/** npm, pnpm and yarn: the scripts of package.json, run by the tool whose lock file is there. */
import { z } from 'zod';
import type { Detected, GateKind, RepositoryFiles } from './files.ts';

const Manifest = z.object({ scripts: z.record(z.string(), z.string()).optional() });

const SCRIPTS: readonly (readonly [GateKind, readonly string[]])[] = [
  ['typecheck', ['typecheck', 'type-check', 'check-types', 'types']],
  ['lint', ['lint']],
  ['build', ['build']],
  ['test', ['test']],
];

/** What `npm init` writes: it always fails and says nothing about the code. */
const NO_TEST = /no test specified/;

export const detectNode = ({ paths, texts }: RepositoryFiles): Detected[] => {
  const scripts = scriptsOf(texts['package.json']);
  const tool = paths.has('pnpm-lock.yaml') ? 'pnpm' : paths.has('yarn.lock') ? 'yarn' : 'npm';
  return SCRIPTS.flatMap(([kind, names]) => {
    const script = names.find((name) => scripts[name] !== undefined && !NO_TEST.test(scripts[name]));
    return script === undefined ? [] : [{ tool, kind, run: `${tool} run ${script}` }];
  });
};

/** An unreadable manifest has no scripts: the gate then finds nothing and refuses, which is the safe side. */
const scriptsOf = (text: string | undefined): Readonly<Record<string, string>> => {
  if (text === undefined) return {};
  const manifest = Manifest.safeParse(parsed(text));
  return manifest.success ? (manifest.data.scripts ?? {}) : {};
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
