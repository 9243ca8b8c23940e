/**
 * What a change does to the set-up that its gate stands on. What a set-up puts beside the files of a commit is there when
 * they are judged (a makefile that is preferred to the target's, say), so a change that has it run more than the target's
 * weakens the gate as one of its scripts would.
 */
import type { EgressPolicy, Weakening } from '@berth/contract';
import type { SetupCommand, SetupPlan } from '../setup-plan.ts';
import { readsInputsOnly, type SetupReads } from './reads.ts';

export interface SetupSide extends Omit<SetupReads, 'setup'> {
  /** Absent when nothing is to be run. */
  readonly setup: SetupPlan | undefined;
}

export const setupChanges = async (target: SetupSide, change: SetupSide): Promise<Weakening[]> => {
  if (change.setup === undefined) return [];
  const known = new Set(target.setup?.commands.map(keyOf));
  const added = change.setup.commands.filter((command) => !known.has(keyOf(command)));
  const isWider = (await runsOwnCode(change)) && !(await runsOwnCode(target));
  const first = Object.keys(change.files)[0] ?? '';
  const found = (command: SetupCommand, detail: string): Weakening => ({
    kind: 'setup_changed',
    repository: command.repository ?? first,
    subject: command.run,
    detail,
  });
  return [
    ...added.map((command) => found(command, 'the target is set up without it')),
    ...(isWider ? change.setup.commands : []).map((command) =>
      found(command, 'it may run or read what the change brings beside manifests and lock files'),
    ),
  ];
};

const keyOf = ({ repository, run }: SetupCommand): string => JSON.stringify([repository, run]);

/** Whether it may run, or read, more of a commit than manifests and lock files. */
export const runsOwnCode = async ({ setup, files, read }: SetupSide): Promise<boolean> =>
  setup !== undefined && !(await readsInputsOnly({ setup, files, read }));

export interface WorkEgress {
  /** What the agent and the gate may reach. */
  readonly egress: EgressPolicy;
  /** Whether the task says so itself. */
  readonly isAsked: boolean;
}

/**
 * What the set-up of a change that has not landed may reach, when it runs what the change brought: no more than its work
 * may, where the target's set-up runs nothing of the repository, or the task asked for no egress at all.
 */
export const egressOfChange = (
  own: EgressPolicy,
  { egress, isAsked }: WorkEgress,
  targetRunsOwnCode: boolean,
): EgressPolicy => {
  if (own.preset === 'none') return own;
  const isShut = isAsked && egress.preset === 'none';
  return isShut || !targetRunsOwnCode ? egress : own;
};

/** Scripts of a package that installers run by themselves, as a line that calls them. */
const LIFECYCLE = 'preinstall install postinstall prepublish preprepare prepare postprepare';

/** Lines that a set-up of the repository runs, as far as its plan says. */
export const setupLines = (setup: SetupPlan | undefined, repository: string, isFirst: boolean): string[] => {
  const lines = (setup?.commands ?? []).flatMap((command) =>
    (command.repository ?? (isFirst ? repository : undefined)) === repository ? [command.run] : [],
  );
  return lines.length === 0 ? [] : [...lines, LIFECYCLE];
};
