/**
 * Detects the commands that verify a repository from the files it has. Pure: the same commit always yields
 * the same commands.
 *
 * A command is offered only for what exists (a script, a configured tool); nothing is guessed. If no command
 * is found, the caller refuses the gate (`plan.ts`), so an empty gate never passes.
 */
import type { GateCommand, GateProfile } from '@berth/contract';
import type { Detected, GateKind, RepositoryFiles } from '../repository/path-index.ts';
import { detectNode } from './detect-node.ts';
import { detectPython } from './detect-python.ts';

/** In make's search order. */
const MAKEFILES = ['GNUmakefile', 'makefile', 'Makefile'] as const;

/** Files at the repository root whose text is needed, besides the manifests of `memberPaths`. */
export const GATE_MARKERS = [
  'package.json',
  'pnpm-workspace.yaml',
  'Cargo.toml',
  'pyproject.toml',
  'setup.cfg',
  'tox.ini',
  'requirements.txt',
  'requirements-dev.txt',
  ...MAKEFILES,
] as const;

const KINDS_OF: Readonly<Record<GateProfile, readonly GateKind[]>> = {
  minimal: ['test'],
  standard: ['typecheck', 'lint', 'build', 'test'],
};

/** The commands of a profile, cheapest first. Empty if none are detected. */
export const detectCommands = (files: RepositoryFiles, profile: GateProfile): GateCommand[] => {
  const found = [...detectNode(files), ...detectCargo(files), ...detectGo(files), ...detectPython(files)];
  const all = [...found, ...detectMake(files, found)];
  return KINDS_OF[profile].flatMap((kind) =>
    all
      .filter((one) => one.kind === kind)
      .map(({ tool, run }) => ({
        name: `${tool}-${kind}`,
        run,
        repository: files.repository,
        needs: needsOf(kind, tool, profile === 'minimal' ? [] : all),
      })),
  );
};

/** Test scripts often need what a build script produces; the other tools build what they test. */
const needsOf = (kind: GateKind, tool: string, all: readonly Detected[]): string[] =>
  kind === 'test' &&
  BUILT_BY_SCRIPTS.includes(tool) &&
  all.some((one) => one.tool === tool && one.kind === 'build')
    ? [`${tool}-build`]
    : [];
const BUILT_BY_SCRIPTS = ['npm', 'pnpm', 'yarn', 'make'];

const detectCargo = ({ paths, texts }: RepositoryFiles): Detected[] => {
  const manifest = paths.has('Cargo.toml') ? (texts['Cargo.toml'] ?? '') : undefined;
  if (manifest === undefined) return [];
  // In a root that is itself a package, cargo ignores the members unless told otherwise.
  const all = /^\[workspace\]/m.test(manifest) ? ' --workspace' : '';
  const lint: Detected[] =
    paths.has('clippy.toml') || paths.has('.clippy.toml')
      ? [{ tool: 'cargo', kind: 'lint', run: `cargo clippy${all} --all-targets -- -D warnings` }]
      : [];
  return [
    { tool: 'cargo', kind: 'typecheck', run: `cargo check${all} --all-targets` },
    ...lint,
    { tool: 'cargo', kind: 'test', run: `cargo test${all}` },
  ];
};

const detectGo = ({ paths }: RepositoryFiles): Detected[] =>
  paths.has('go.mod')
    ? [
        { tool: 'go', kind: 'lint', run: 'go vet ./...' },
        { tool: 'go', kind: 'build', run: 'go build ./...' },
        // Without `-v` the output does not show how many tests ran.
        { tool: 'go', kind: 'test', run: 'go test -v ./...' },
      ]
    : [];

/**
 * Make is the last resort: if a language's own tool is found, the Makefile usually just calls it. Its test
 * target is used if no other tool provides tests.
 */
const detectMake = ({ texts }: RepositoryFiles, found: readonly Detected[]): Detected[] => {
  const text = MAKEFILES.map((name) => texts[name]).find((one) => one !== undefined) ?? '';
  const targets = new Set(text.split('\n').flatMap(targetsIn));
  const named: [GateKind, string[]][] = [
    ['typecheck', ['typecheck', 'type-check']],
    ['lint', ['lint']],
    ['build', ['build']],
    ['test', ['test', 'check']],
  ];
  const hasTests = found.some(({ kind }) => kind === 'test');
  return named.flatMap(([kind, names]) => {
    const target = names.find((name) => targets.has(name));
    const isWanted = found.length === 0 || (kind === 'test' && !hasTests);
    return target === undefined || !isWanted ? [] : [{ tool: 'make', kind, run: `make ${target}` }];
  });
};

const targetsIn = (line: string): string[] => {
  const end = line.indexOf(':');
  const names = end < 0 || line[end + 1] === '=' ? '' : line.slice(0, end).trimEnd();
  return /^[a-z][a-z -]*$/.test(names) ? names.split(/ +/) : [];
};
