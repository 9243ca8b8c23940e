/** What every task has that waits for its first attempt. */
export const QUEUED_TASK = {
  state: 'queued',
  followUps: [] as string[],
  agent: 'scripted',
  priority: 5,
  maxRounds: 3,
  keepAliveMs: 0,
  attempts: 0,
} as const;
