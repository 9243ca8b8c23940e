/** The states in which the rows of each table may rest, when nothing is under way and nobody is needed. */
export const TERMINAL_STATES = {
  tasks: ['completed', 'failed', 'cancelled'],
  attempts: ['completed', 'failed', 'killed'],
  turns: ['ended', 'failed', 'cancelled'],
  gateRuns: ['green', 'red', 'broken'],
  changes: ['merged', 'rejected'],
  sandboxes: ['destroyed'],
  sagas: ['done', 'undone'],
  jobs: ['done', 'failed', 'cancelled'],
  // A layer that a crash kept from being named is written down as superseded, and goes after its grace.
  prebuilds: ['ready', 'failed', 'superseded'],
} as const;
