/**
 * The target's test files, altered so that they must fail. A journal holds their paths; the texts are made
 * again from them.
 */
import type { Sandbox } from '@berth/plugin-api';
import { failAtEnd, readAt } from '../../gate/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';

export type AlteredTests = {
  readonly workspaceId: string;
  /** The target's. */
  readonly commits: CommitByRepository;
  readonly paths: Readonly<Record<string, readonly string[]>>;
  /** No assertion can be altered, so each file ends with a statement that fails. */
  readonly failsAtEnd?: true | undefined;
};

/** Of the tests of a workspace; further ones stay as they are. */
const MAX_ALTERED_FILES = 400;
const MAX_ALTERED_CHARACTERS = 8 * 1024 * 1024;

interface Reading {
  readonly tests: AlteredTests;
  readonly signal: AbortSignal;
}

const alteredText = async (
  { judge }: Pick<Ports, 'judge'>,
  file: { readonly path: string; readonly text: string },
  { tests, signal }: Reading,
): Promise<string | undefined> => {
  if (tests.failsAtEnd === true) return failAtEnd(file.path, file.text);
  const found = await judge.alter(file, signal);
  return found === undefined || found.assertions === 0 ? undefined : found.text;
};

/** Undefined if nothing can be altered. */
export const alterable = async (
  ports: Pick<Ports, 'hub' | 'judge'>,
  candidates: AlteredTests,
  signal: AbortSignal,
): Promise<AlteredTests | undefined> => {
  for (const tests of [candidates, { ...candidates, failsAtEnd: true as const }]) {
    const paths: Record<string, string[]> = {};
    for await (const { repository, path } of textsOf(ports, { tests, signal })) {
      const known = paths[repository] ?? [];
      paths[repository] = known;
      known.push(path);
    }
    if (Object.keys(paths).length > 0) return { ...tests, paths };
  }
  return undefined;
};

async function* textsOf(ports: Pick<Ports, 'hub' | 'judge'>, reading: Reading) {
  const { workspaceId, commits, paths } = reading.tests;
  let [files, characters] = [0, 0];
  const all = Object.entries(paths).flatMap(([repository, tests]) =>
    tests.map((path) => ({ repository, path, commit: commits[repository] ?? '' })),
  );
  for (const { repository, path, commit } of all) {
    const was = await readAt(ports.hub, workspaceId, repository, { commit, path });
    const text = was === undefined ? undefined : await alteredText(ports, { path, text: was }, reading);
    if (text === undefined) continue;
    files += 1;
    characters += text.length;
    if (files > MAX_ALTERED_FILES || characters > MAX_ALTERED_CHARACTERS) return;
    yield { repository, path, text };
  }
}

const EXECUTABLE = 'run ';
const EXECUTABLE_MODE = 0o755;

/** Writes the altered files into the checkouts of a sandbox in which nothing has run yet. */
export const writeAltered = async (
  ports: Pick<Ports, 'hub' | 'judge'>,
  { sandbox, ...reading }: Reading & { readonly sandbox: Sandbox },
): Promise<void> => {
  const { tests } = reading;
  const ids: Record<string, Readonly<Record<string, string>>> = {};
  for (const [repository, commit] of Object.entries(tests.commits))
    ids[repository] = await ports.hub.files(tests.workspaceId, repository, commit);
  for await (const { repository, path, text } of textsOf(ports, reading)) {
    const mode = ids[repository]?.[path]?.startsWith(EXECUTABLE) === true ? EXECUTABLE_MODE : undefined;
    await sandbox.files.write(`${sandbox.root}/${repository}/${path}`, new TextEncoder().encode(text), mode);
  }
};
