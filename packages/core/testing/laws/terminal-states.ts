/** The states in which rows of each table may remain when nothing is running and no user action is needed. */
export const TERMINAL_STATES = {
  tasks: ['completed', 'failed', 'cancelled'],
  attempts: ['completed', 'failed', 'killed'],
  turns: ['ended', 'failed', 'cancelled'],
  gateRuns: ['green', 'red', 'broken'],
  changes: ['merged', 'rejected'],
  sandboxes: ['destroyed'],
  sagas: ['done', 'undone'],
  jobs: ['done', 'failed', 'cancelled'],
  // A layer that a crash kept from being named is recorded as superseded, and removed after its grace period.
  prebuilds: ['ready', 'failed', 'superseded'],
} as const;
