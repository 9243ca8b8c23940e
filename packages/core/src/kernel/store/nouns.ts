/** Maps tables to nouns: the only place that knows both names, and which nouns have states. */
import {
  attemptStates,
  changeStates,
  gateStates,
  sandboxStates,
  taskStates,
  turnStates,
} from '@berth/contract';
import type { TableName } from './tables.ts';

/** What a row of each table is called in errors and events. */
export const NOUNS = {
  workspaces: 'workspace',
  sandboxes: 'sandbox',
  tasks: 'task',
  attempts: 'attempt',
  sessions: 'session',
  turns: 'turn',
  items: 'item',
  gateRuns: 'gate',
  changes: 'change',
  tokens: 'token',
  tokenSecrets: 'token secret',
  grants: 'grant',
  permissions: 'permission',
  ledger: 'ledger entry',
  connections: 'connection',
  prebuilds: 'prebuild',
  sagas: 'saga',
  journal: 'journal entry',
  jobs: 'job',
  leases: 'lease',
  answeredRequests: 'answered request',
  settings: 'setting',
} as const satisfies Record<TableName, string>;

/** The state tables of the nouns whose transitions emit events. */
export const STATES = {
  sandboxes: sandboxStates,
  tasks: taskStates,
  attempts: attemptStates,
  turns: turnStates,
  gateRuns: gateStates,
  changes: changeStates,
} as const;

export type MovingTable = keyof typeof STATES;
