/**
 * What of a set-up becomes a layer: what it put into the repositories beside the files of the commit, and the caches of
 * packages. Not the commit's own files, which are checked out anew; nothing of git's; no program or setting in the home
 * folder, which every later command would run or read.
 */
import type { KeptOfDisk } from '@berth/plugin-api';
import type { FilesByRepository } from './plan.ts';

/** Below the home folder: downloads by name and version. Not what installers put there to be run. */
const PACKAGE_CACHES = [
  ...['.npm/_cacache', '.local/share/pnpm/store', '.cache/pnpm', '.cache/yarn', '.yarn/berry/cache'],
  ...['.cache/pip', '.cache/uv', '.cache/pypoetry/cache', '.cache/pypoetry/artifacts'],
  ...['.cargo/registry', '.cargo/git', 'go/pkg/mod'],
  ...['.m2/repository', '.gradle/caches/modules-2', '.nuget/packages', '.cache/composer/files'],
];

export const keptOfSetup = (files: FilesByRepository, declared: readonly string[] = []): KeptOfDisk => ({
  root: Object.keys(files),
  home: [...PACKAGE_CACHES, ...declared],
  without: Object.entries(files).flatMap(([repository, paths]) =>
    Object.entries(paths).flatMap(([path, id]) =>
      // What a set-up checked out of a submodule is brought in by nothing else.
      id.startsWith('module ') ? [] : [`${repository}/${path}`],
    ),
  ),
});
