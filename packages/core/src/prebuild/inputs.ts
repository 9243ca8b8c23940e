/**
 * Hashes everything a prepared layer is built from: equal inputs give the same layer. The hash covers the
 * manifests, lock files and installer configuration (`isInput`), so that a set-up runs once per lock file and
 * not once per commit. If a set-up may run or read anything else in the repositories, the hash covers the
 * commits themselves.
 */
import type { Isolation, Limits, Workspace } from '@berth/contract';
import type { CommitByRepository } from '../ports.ts';
import type { SetupPlan } from '../setup-plan.ts';
import type { FilesByRepository } from './plan.ts';
import { isInput, readsInputsOnly } from './reads.ts';

export interface SetupInputs {
  readonly setup: SetupPlan;
  readonly workspace: Pick<Workspace, 'limits'>;
  /** Identifies what the sandbox of the set-up is made of (`Machines.identify`). */
  readonly contents: string;
  readonly driver: string;
  readonly isolation: Isolation;
  readonly commits: CommitByRepository;
  readonly files: FilesByRepository;
  /** The text of a file in the commits; undefined if it is a link or too large. */
  readonly read: (repository: string, path: string) => Promise<string | undefined>;
}

/** SHA-256 computed by `digest`, in hex. */
export const setupInputHash = async (
  digest: (text: string) => string,
  inputs: SetupInputs,
): Promise<string> => {
  const { setup, workspace, driver, isolation, commits } = inputs;
  const commands = setup.commands.map(({ repository, run }) => [repository ?? null, run]);
  const limits: Limits | null = workspace.limits ?? null;
  return digest(
    JSON.stringify([
      'setup@3',
      commands,
      setup.egress,
      setup.keep ?? [],
      inputs.contents,
      limits,
      driver,
      isolation,
      (await readsInputsOnly(inputs)) ? inputFilesOf(inputs.files) : Object.entries(commits).sort(byName),
    ]),
  );
};

const inputFilesOf = (files: FilesByRepository) =>
  Object.entries(files)
    .map(
      ([repository, paths]) =>
        [
          repository,
          Object.entries(paths)
            .filter(([path]) => isInput(path))
            .sort(byName),
        ] as const,
    )
    .sort(byName);

const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;
