/**
 * Ids: a prefix that names the noun, then 10 characters of time and 10 random ones in Crockford's base 32, so
 * that they sort by creation and fit into host names, container names and socket paths.
 */
import { z } from 'zod';

export const PREFIXES = {
  workspace: 'ws',
  sandbox: 'sb',
  task: 'tk',
  attempt: 'at',
  session: 'ss',
  turn: 'tn',
  item: 'it',
  gateRun: 'gr',
  change: 'ch',
  event: 'ev',
  token: 'ky',
  saga: 'sg',
  job: 'jb',
  exec: 'ex',
  ledgerEntry: 'le',
  connection: 'cn',
  prebuild: 'pb',
} as const;

export type IdNoun = keyof typeof PREFIXES;

const idOf = <const N extends IdNoun>(noun: N) =>
  z
    .string()
    .regex(new RegExp(`^${PREFIXES[noun]}_[0-9a-hjkmnp-tv-z]{20}$`), `must be an id like ${PREFIXES[noun]}_…`)
    .meta({ id: `${noun[0]?.toUpperCase()}${noun.slice(1)}Id` });

export const WorkspaceId = idOf('workspace');
export const SandboxId = idOf('sandbox');
export const TaskId = idOf('task');
export const AttemptId = idOf('attempt');
export const SessionId = idOf('session');
export const TurnId = idOf('turn');
export const ItemId = idOf('item');
export const GateRunId = idOf('gateRun');
export const ChangeId = idOf('change');
export const EventId = idOf('event');
export const TokenId = idOf('token');
export const ExecId = idOf('exec');
export const PrebuildId = idOf('prebuild');
