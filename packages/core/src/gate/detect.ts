/**
 * Which commands prove that a repository is in order, read off the files it has. Pure: what a commit holds goes in,
 * commands come out, so that the same commit is always judged by the same commands.
 *
 * A command is offered only for what is really there (a script, a configured tool). Nothing is guessed: a gate that
 * finds no command is refused by its caller (`plan.ts`) and never passes.
 */
import type { GateCommand, GateProfile } from '@berth/contract';
import { detectNode } from './detect-node.ts';
import { detectPython } from './detect-python.ts';
import type { Detected, GateKind, RepositoryFiles } from './files.ts';

/** Files whose text decides. All of them lie at the root of the repository. */
export const GATE_MARKERS = [
  'package.json',
  'pyproject.toml',
  'setup.cfg',
  'tox.ini',
  'requirements.txt',
  'requirements-dev.txt',
  'Makefile',
] as const;

const KINDS_OF: Readonly<Record<GateProfile, readonly GateKind[]>> = {
  minimal: ['test'],
  standard: ['typecheck', 'lint', 'build', 'test'],
};

/** The commands of a profile, cheap ones first. Empty when the repository shows none. */
export const detectCommands = (files: RepositoryFiles, profile: GateProfile): GateCommand[] => {
  const found = [...detectNode(files), ...detectCargo(files), ...detectGo(files), ...detectPython(files)];
  const all = found.length > 0 ? found : detectMake(files);
  return KINDS_OF[profile].flatMap((kind) =>
    all
      .filter((one) => one.kind === kind)
      .map(({ tool, run }) => ({ name: `${tool}-${kind}`, run, repository: files.repository })),
  );
};

const detectCargo = ({ paths }: RepositoryFiles): Detected[] => {
  if (!paths.has('Cargo.toml')) return [];
  const lint: Detected[] =
    paths.has('clippy.toml') || paths.has('.clippy.toml')
      ? [{ tool: 'cargo', kind: 'lint', run: 'cargo clippy --all-targets -- -D warnings' }]
      : [];
  return [
    { tool: 'cargo', kind: 'typecheck', run: 'cargo check --all-targets' },
    ...lint,
    { tool: 'cargo', kind: 'test', run: 'cargo test' },
  ];
};

const detectGo = ({ paths }: RepositoryFiles): Detected[] =>
  paths.has('go.mod')
    ? [
        { tool: 'go', kind: 'lint', run: 'go vet ./...' },
        { tool: 'go', kind: 'build', run: 'go build ./...' },
        { tool: 'go', kind: 'test', run: 'go test ./...' },
      ]
    : [];

/** Make is the last resort: where a language's own tool is found, its Makefile usually calls just that. */
const detectMake = ({ texts }: RepositoryFiles): Detected[] => {
  const targets = new Set(
    [...(texts.Makefile ?? '').matchAll(/^([a-z-]+)\s*:(?!=)/gm)].map(([, name]) => name),
  );
  const named: [GateKind, string[]][] = [
    ['typecheck', ['typecheck', 'type-check']],
    ['lint', ['lint']],
    ['build', ['build']],
    ['test', ['test', 'check']],
  ];
  return named.flatMap(([kind, names]) => {
    const target = names.find((name) => targets.has(name));
    return target === undefined ? [] : [{ tool: 'make', kind, run: `make ${target}` }];
  });
};
