/**
 * npm, pnpm and yarn: the scripts of package.json, run by the tool whose lock file is present. If a workspace
 * root lacks a script, it is run in the members that have it.
 */

import { memberPaths, type Package, packageAt } from '../repository/node-members.ts';
import type { Detected, GateKind, RepositoryFiles } from '../repository/path-index.ts';

type Tool = 'npm' | 'pnpm' | 'yarn';

const SCRIPTS: readonly (readonly [GateKind, readonly string[]])[] = [
  ['typecheck', ['typecheck', 'type-check', 'check-types', 'types']],
  ['lint', ['lint']],
  ['build', ['build']],
  ['test', ['test']],
];

/** The script written by `npm init`: it always fails and says nothing about the code. */
const NO_TEST = /no test specified/;

export const detectNode = (files: RepositoryFiles): Detected[] => {
  const { paths } = files;
  const tool = paths.has('pnpm-lock.yaml') ? 'pnpm' : paths.has('yarn.lock') ? 'yarn' : 'npm';
  const root = packageAt(files);
  const members = memberPaths(files).map((path) => packageAt(files, path));
  return SCRIPTS.flatMap(([kind, names]): Detected[] => {
    const script = names.find((name) => has(root, name));
    if (script !== undefined) return [{ tool, kind, run: `${tool} run ${script}` }];
    const shared = names.find((name) => members.some((member) => has(member, name)));
    const run = shared === undefined ? undefined : inMembers(tool, shared, members);
    return run === undefined ? [] : [{ tool, kind, run }];
  });
};

const has = ({ scripts }: Package, name: string): boolean =>
  scripts[name] !== undefined && !NO_TEST.test(scripts[name]);

/** The only syntax that Yarn 1 and later versions share; it needs the member names. */
const inMembers = (tool: Tool, script: string, members: readonly Package[]): string | undefined => {
  if (tool === 'npm') return `npm run ${script} --workspaces --if-present`;
  if (tool === 'pnpm') return `pnpm --recursive run ${script}`;
  const names = members.flatMap((member) => (has(member, script) ? [member.name ?? ''] : []));
  const isPlain = names.every((name) => /^[@a-z0-9][@a-z0-9/._-]*$/i.test(name));
  return isPlain ? names.map((name) => `yarn workspace ${name} run ${script}`).join(' && ') : undefined;
};
