/**
 * How a change alters the set-up that its gate runs on. Files that a set-up adds to those of the commit are
 * present when the commit is judged (for example a makefile that make prefers to the target's), so a change
 * that makes the set-up run more than the target's weakens the gate just as one to its scripts would.
 */
import type { EgressPolicy, Weakening } from '@berth/contract';
import type { SetupCommand, SetupPlan } from '../setup-plan.ts';
import { readsInputsOnly, type SetupReads } from './reads.ts';

export interface SetupSide extends Omit<SetupReads, 'setup'> {
  /** Absent if there is nothing to run. */
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

/** Whether it may run or read more of a commit than manifests and lock files. */
export const runsOwnCode = async ({ setup, files, read }: SetupSide): Promise<boolean> =>
  setup !== undefined && !(await readsInputsOnly({ setup, files, read }));

export interface WorkEgress {
  /** What the agent and the gate may reach. */
  readonly egress: EgressPolicy;
  /** Whether the task itself specifies it. */
  readonly isAsked: boolean;
}

/**
 * The egress of a set-up that runs code from a change that has not landed: no more than the work's own, if
 * the target's set-up runs no code of the repository or the task asked for no egress at all.
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

/** Package scripts that installers run on their own, written as a line that calls them. */
const LIFECYCLE = 'preinstall install postinstall prepublish preprepare prepare postprepare';

/** Lines that a set-up runs in the repository, as far as its plan shows. */
export const setupLines = (setup: SetupPlan | undefined, repository: string, isFirst: boolean): string[] => {
  const lines = (setup?.commands ?? []).flatMap((command) =>
    (command.repository ?? (isFirst ? repository : undefined)) === repository ? [command.run] : [],
  );
  return lines.length === 0 ? [] : [...lines, LIFECYCLE];
};
