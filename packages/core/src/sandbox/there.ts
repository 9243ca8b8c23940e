/** Whether there is still anything of a sandbox but its record: a machine, a disk, or what it was made from. */
import { isFinal, type Sandbox, sandboxStates } from '@berth/contract';

/** The states of those that are there, to ask the store for them. */
export const THERE: readonly Sandbox['state'][] = (Object.keys(sandboxStates) as Sandbox['state'][]) // the keys of the table
  .filter((state) => !isFinal(sandboxStates, state));

export const isThere = (sandbox: Sandbox | undefined): sandbox is Sandbox =>
  sandbox !== undefined && !isFinal(sandboxStates, sandbox.state);
