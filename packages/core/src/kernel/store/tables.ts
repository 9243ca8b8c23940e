/**
 * The tables: what a row of each holds, and by which columns it is found. Rows of nouns are the wire records
 * themselves; what only the server may know has a table of its own, so that nothing can be shown by accident.
 * The migrations of the SQL stores follow this list, and a test compares them.
 */
import type {
  Attempt,
  Change,
  ErrorBody,
  GateRun,
  Item,
  Sandbox,
  Session,
  Task,
  Token,
  Turn,
  Usage,
  Workspace,
} from '@berth/contract';
import type { Json } from '@berth/plugin-api';

interface Kept {
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A job of the queue. `data` is an intent (ids), never a truth: the handler reads the records. */
export interface Job extends Kept {
  readonly id: string;
  readonly queue: string;
  readonly state: 'waiting' | 'active' | 'done' | 'failed' | 'cancelled';
  readonly data: Json;
  /** 1–10, 10 first. */
  readonly priority: number;
  readonly runAt: number;
  /** Jobs of one key in one queue run one after the other. */
  readonly key?: string | undefined;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly backoffMs: number;
  /** How often its worker vanished shortly after it began, and at the same place: see `crash-count.ts`. */
  readonly crashes: number;
  /** Where its work was when its worker vanished last. */
  readonly crashPlace?: string | undefined;
  /** How often its worker vanished shortly after it began, wherever it was, since it last ran well for a while. */
  readonly earlyDeaths?: number | undefined;
  readonly claimedAt?: number | undefined;
  readonly owner?: string | undefined;
  /** Grows with every claim: a worker whose fence is old has lost the job and may write nothing more about it. */
  readonly fence: number;
  readonly leaseUntil?: number | undefined;
  readonly error?: ErrorBody | undefined;
  /** What it waits for without a worker, besides its `runAt`: the topic of its `Wait`. */
  readonly waitsFor?: string | undefined;
}

export interface SagaRun extends Kept {
  readonly id: string;
  /** `sandbox.create@1` */
  readonly name: string;
  readonly state: 'running' | 'undoing' | 'done' | 'undone' | 'stuck' | 'forgotten';
  readonly input: Json;
  readonly result?: Json | undefined;
  /** Why it was undone; beside `cancelAsked`, why it is to be, when that is no cancel by a person. */
  readonly error?: ErrorBody | undefined;
  /** Why it is stuck: the step and the failure of its undo. */
  readonly stuckAt?: { readonly step: string; readonly error: ErrorBody } | undefined;
  /** The record it is about. */
  readonly subject?: string | undefined;
  readonly cancelAsked?: string | undefined;
  /** The process that took it up last. */
  readonly owner?: string | undefined;
  /** Grows each time that it is taken up; absent for none. */
  readonly fence?: number | undefined;
}

/** One line of a saga's journal; `id` is `<saga>/<five digits>`, so that it reads in order. */
export interface JournalEntry extends Kept {
  readonly id: string;
  readonly sagaId: string;
  readonly step: string;
  readonly phase: 'started' | 'done' | 'undo_started' | 'undone';
  readonly output?: Json | undefined;
  readonly durationMs?: number | undefined;
}

/** The right to do something alone for a while. `id` names the thing. */
export interface Lease extends Kept {
  readonly id: string;
  readonly owner: string;
  readonly fence: number;
  readonly until: number;
}

export interface TokenSecret extends Kept {
  /** The id of the token. */
  readonly id: string;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
}

/** What an attempt may do through the guest channel: git refs it may read and write, models it may ask. */
export interface AttemptGrant extends Kept {
  readonly id: string;
  readonly sandboxId: string;
  readonly attemptId?: string | undefined;
  readonly workspaceId?: string | undefined;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  /** Refs it may read: exact names, or prefixes that end in `/`; in a row of an earlier version, which has none, the targets. */
  readonly readRefs?: readonly string[] | undefined;
  /** Refs it may read and write. */
  readonly writeRefs: readonly string[];
  /** What has been pushed with it, in bytes. */
  readonly pushedBytes?: number | undefined;
  readonly expiresAt?: number | undefined;
}

export interface LedgerEntry extends Kept {
  readonly id: string;
  readonly attemptId: string;
  readonly taskId: string;
  readonly provider: string;
  readonly model: string;
  readonly usage: Usage;
  readonly status: number;
  readonly durationMs: number;
}

/** One connection that a sandbox asked for, allowed or not. */
export interface Connection extends Kept {
  readonly id: string;
  readonly sandboxId: string;
  readonly host: string;
  readonly port: number;
  readonly verdict: 'allowed' | 'denied';
  readonly reason: string;
  /** What to configure to allow a denied connection. */
  readonly remedy?: string | undefined;
  readonly address?: string | undefined;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** The result of a workspace's set-up commands as a disk layer, found by the hash of everything it came from. */
export interface Prebuild extends Kept {
  readonly id: string;
  readonly workspaceId: string;
  /** `superseded`: nothing new starts from it, and its layer will be dropped. */
  readonly state: 'building' | 'ready' | 'failed' | 'superseded';
  readonly inputHash: string;
  readonly driver: string;
  /** The one attempt that may use it: it was made from commits that have not landed. */
  readonly attemptId?: string | undefined;
  /** It is no set-up, but the disk of this sandbox as its machine left it when it died. */
  readonly sandboxId?: string | undefined;
  readonly layer?: string | undefined;
  readonly sizeBytes?: number | undefined;
  readonly error?: ErrorBody | undefined;
}

/** A create that was asked for with a key, and once it is done its answer. `id` is the key with its owner. */
export interface AnsweredRequest extends Kept {
  readonly id: string;
  readonly routeId: string;
  readonly bodyHash: string;
  readonly status: number;
  /** The id that the new record gets, chosen before it is made: after a crash the same request makes the same record. */
  readonly recordId: string;
  /** Absent until the create is done. */
  readonly answer?: Json | undefined;
}

/** Single facts about the installation: its id, when it was made. */
export interface Setting extends Kept {
  readonly id: string;
  readonly value: Json;
}

interface Shape {
  workspaces: { row: Workspace; index: 'name' };
  sandboxes: { row: Sandbox; index: 'state' | 'workspaceId' | 'attemptId' };
  tasks: { row: Task; index: 'state' | 'workspaceId' };
  attempts: { row: Attempt; index: 'state' | 'taskId' };
  sessions: { row: Session; index: 'attemptId' | 'taskId' };
  turns: { row: Turn; index: 'state' | 'sessionId' | 'attemptId' };
  items: { row: Item; index: 'turnId' | 'sessionId' };
  gateRuns: { row: GateRun; index: 'state' | 'changeId' | 'inputHash' };
  changes: { row: Change; index: 'state' | 'taskId' };
  tokens: { row: Token; index: 'role' };
  tokenSecrets: { row: TokenSecret; index: 'hash' };
  grants: { row: AttemptGrant; index: 'sandboxId' | 'attemptId' | 'hash' };
  ledger: { row: LedgerEntry; index: 'attemptId' | 'taskId' };
  connections: { row: Connection; index: 'sandboxId' };
  prebuilds: { row: Prebuild; index: 'state' | 'workspaceId' | 'inputHash' };
  sagas: { row: SagaRun; index: 'state' | 'name' | 'subject' };
  journal: { row: JournalEntry; index: 'sagaId' };
  jobs: { row: Job; index: 'state' | 'queue' | 'key' | 'waitsFor' };
  leases: { row: Lease; index: 'owner' };
  answeredRequests: { row: AnsweredRequest; index: 'routeId' };
  settings: { row: Setting; index: never };
}

export type TableName = keyof Shape;
export type RowOf<N extends TableName> = Shape[N]['row'];
export type IndexOf<N extends TableName> = Shape[N]['index'];

/** The indexed columns at run time, in step with `Shape` by type. */
export const INDEXES = {
  workspaces: ['name'],
  sandboxes: ['state', 'workspaceId', 'attemptId'],
  tasks: ['state', 'workspaceId'],
  attempts: ['state', 'taskId'],
  sessions: ['attemptId', 'taskId'],
  turns: ['state', 'sessionId', 'attemptId'],
  items: ['turnId', 'sessionId'],
  gateRuns: ['state', 'changeId', 'inputHash'],
  changes: ['state', 'taskId'],
  tokens: ['role'],
  tokenSecrets: ['hash'],
  grants: ['sandboxId', 'attemptId', 'hash'],
  ledger: ['attemptId', 'taskId'],
  connections: ['sandboxId'],
  prebuilds: ['state', 'workspaceId', 'inputHash'],
  sagas: ['state', 'name', 'subject'],
  journal: ['sagaId'],
  jobs: ['state', 'queue', 'key', 'waitsFor'],
  leases: ['owner'],
  answeredRequests: ['routeId'],
  settings: [],
} as const satisfies { [N in TableName]: readonly IndexOf<N>[] };

/** Tables whose rows end and are forgotten after a while: the stores find the longest untouched of them by an index. */
export const PRUNED = [
  'sagas',
  'jobs',
  'tasks',
  'sandboxes',
  'tokens',
  'leases',
  'answeredRequests',
] as const satisfies readonly TableName[];
