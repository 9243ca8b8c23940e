/**
 * The hub: one bare repository for each repository of a workspace, written only by this server. Sandboxes clone from
 * it and push to it over HTTP (`smart-http.ts`); merges are computed in it; a landing moves one of its refs by
 * compare-and-swap. Git on the host opens only these folders, and a source while reading it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { fail, isBerthError, type Repository } from '@berth/contract';
import type { Hub } from '@berth/core';
import { createKeyedLock } from '@berth/plugin-api';
import { exists } from '../../system/if-missing.ts';
import { explainingNoSpace } from '../../system/no-space.ts';
import type { Git } from '../git.ts';
import { assertCommit, assertRef } from '../refs.ts';
import { composeIn } from './compose.ts';
import { forward, staleCopy } from './forward.ts';
import { importInto, originOf, targetBranch } from './import.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits, maintainRepository } from './maintenance.ts';
import { mergeIn } from './merge.ts';
import { containsCommit, diffOf, fileOf, filesOf, treeOf } from './read-commits.ts';
import { createRefreshes } from './refreshes.ts';
import { createCopies, createRepositoryFolders } from './repository-folder.ts';
import { parseSource } from './source.ts';

export interface HubOptions {
  /** Created when absent; only the server may write to it. */
  readonly folder: string;
  readonly git: Git;
  readonly maintenance?: MaintenanceLimits | undefined;
  /** How long a caller that only needs a refresh waits for a source. */
  readonly refreshPatienceMs?: number | undefined;
}

const REFRESH_PATIENCE_MS = 5_000;
const SWAP_ATTEMPTS = 5;
const SWAP_PAUSE_MS = 40;
const ABSENT = '0'.repeat(40);

export const createHub = (options: HubOptions): Hub => {
  const { folder, maintenance = MAINTENANCE_LIMITS } = options;
  const refreshes = createRefreshes(options.refreshPatienceMs ?? REFRESH_PATIENCE_MS);
  const folders = createRepositoryFolders(folder);
  const alone = createKeyedLock();
  const copies = createCopies(folder);
  const { open } = folders;

  const callsBy = (git: Git): Omit<Hub, 'until'> => ({
    importRepository: async (workspaceId, spec, signal) => {
      const source = parseSource(spec.source);
      const name = spec.name ?? source.name;
      const final = folders.repository(workspaceId, name);
      const begin = () => copies.begin(workspaceId);
      const repository = await alone(final, () =>
        importOrForward(heeding(git, signal), { final, source, branch: spec.branch, name, signal, begin }),
      );
      return { ...repository, hubPath: final };
    },

    refresh: async (workspaceId, repository, signal) => {
      const gitDir = await open(workspaceId, repository.name);
      // Others share the same refresh, and it continues without the caller that started it.
      const look = () => alone(gitDir, () => forward(options.git, gitDir, repository));
      const reason = await refreshes(gitDir, look, signal);
      return reason === undefined ? undefined : staleCopy(gitDir, reason);
    },

    ...copies.kept,
    maintain: async (workspaceId, name, isQuiet) =>
      maintainRepository(git, await open(workspaceId, name), { ...maintenance, isQuiet }),

    resolve: async (workspaceId, name, ref) => resolveRef(git, await open(workspaceId, name), assertRef(ref)),

    swap: async (workspaceId, name, ...[ref, from, to]) =>
      swapRef(git, await open(workspaceId, name), { ref: assertRef(ref), from, to }),

    listRefs: async (workspaceId, name, prefix) => listRefs(git, await open(workspaceId, name), prefix),

    compose: async (workspaceId, name, request) => composeIn(git, await open(workspaceId, name), request),
    merge: async (workspaceId, name, request) => mergeIn(git, await open(workspaceId, name), request),

    diff: async (workspaceId, name, ...[from, to, folder]) =>
      diffOf(git, await open(workspaceId, name), { from, to, folder }),
    files: async (workspaceId, name, commit) => filesOf(git, await open(workspaceId, name), commit),
    tree: async (workspaceId, name, commit) => treeOf(git, await open(workspaceId, name), commit),
    readFile: async (workspaceId, name, file) => fileOf(git, await open(workspaceId, name), file),
    contains: async (workspaceId, name, descendant, ancestor) =>
      containsCommit(git, await open(workspaceId, name), descendant, ancestor),
  });

  const hubUntil = (signal: AbortSignal | undefined): Hub => ({
    ...explainingNoSpace(callsBy(heeding(options.git, signal)), folder),
    until: (next) => hubUntil(signal === undefined ? next : AbortSignal.any([signal, next])),
  });
  return hubUntil(undefined);
};

/** An existing repository is refreshed; the same name from another source is refused. */
const importOrForward = async (git: Git, request: Parameters<typeof importInto>[1]): Promise<Repository> => {
  const { final, source, name } = request;
  if (!(await exists(final))) {
    return { name, source: source.address, hubPath: final, branch: await importInto(git, request) };
  }
  if ((await originOf(git, final)) !== source.address) {
    throw fail('record.exists', { noun: 'repository', id: name });
  }
  const branch = await targetBranch(git, request);
  const repository = { name, source: source.address, hubPath: final, branch };
  await forward(git, final, repository);
  return repository;
};

/** The same git, with each command bound to the signal. */
const heeding = (git: Git, signal: AbortSignal | undefined): Git => {
  if (signal === undefined) return git;
  return (args, options = {}) => {
    const either = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]);
    return git(args, { ...options, signal: either });
  };
};

const listRefs = async (git: Git, gitDir: string, prefix: string): Promise<Record<string, string>> => {
  // A prefix pattern limits what git reads; with whole path components it would read the refs of every other task.
  assertRef(`${prefix}x`);
  const patterns = prefix.endsWith('/') ? [prefix.slice(0, -1)] : [`${prefix}*`, `${prefix}*/**`];
  const format = '--format=%(refname)%00%(objectname)%00%(*objectname)';
  const listed = await git(['for-each-ref', format, '--', ...patterns], { gitDir });
  const rows = listed.stdout.split('\n').map((line) => line.split('\0'));
  return Object.fromEntries(
    rows.flatMap(([ref = '', direct = '', peeled = '']) =>
      ref !== '' && ref.startsWith(prefix) ? [[ref, peeled || direct]] : [],
    ),
  );
};

const resolveRef = async (git: Git, gitDir: string, ref: string): Promise<string | undefined> => {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`] as const;
  const found = await git(args, { gitDir, answers: [1, 128] });
  return found.exitCode === 0 ? found.stdout.trim() : undefined;
};

/**
 * Git itself does the compare-and-swap under the ref lock. When it fails, the ref is read: a different value means
 * that someone else won; the expected value means that the lock was busy.
 */
const swapRef = async (
  git: Git,
  gitDir: string,
  move: { ref: string; from: string | undefined; to: string | undefined },
): Promise<boolean> => {
  const to = move.to === undefined ? ABSENT : assertCommit(move.to);
  const from = move.from === undefined ? ABSENT : assertCommit(move.from);
  const command = `update ${move.ref}\0${to}\0${from}\0`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await git(['update-ref', '-z', '--stdin'], { gitDir, input: command });
      return true;
    } catch (thrown) {
      if (!isBerthError(thrown) || thrown.code !== 'git.failed') throw thrown;
      if ((await resolveRef(git, gitDir, move.ref)) !== move.from) return false;
      if (attempt === SWAP_ATTEMPTS) throw thrown;
      await delay(SWAP_PAUSE_MS * attempt);
    }
  }
};
