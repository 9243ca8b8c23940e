/**
 * The tables: what a row of each holds, and the columns it is indexed by. Rows of nouns are the wire records
 * themselves; data private to the server has tables of its own, so that it cannot be exposed by accident. The
 * migrations of the SQL stores follow this list, and a test compares them.
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
import type { Json, PermissionDecision } from '@berth/plugin-api';

interface Kept {
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A job of the queue. `data` is an intent (ids), never the truth: the handler reads the records. */
export interface Job extends Kept {
  readonly id: string;
  readonly queue: string;
  readonly state: 'waiting' | 'active' | 'done' | 'failed' | 'cancelled';
  readonly data: Json;
  /** 1–10, 10 first. */
  readonly priority: number;
  readonly runAt: number;
  /** Jobs with the same key in one queue run one after the other. */
  readonly key?: string | undefined;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly backoffMs: number;
  /** How often its worker vanished shortly after the start and without progress; see `crash-count.ts`. */
  readonly crashes: number;
  /** How far its work had got when its worker last vanished. */
  readonly crashPlace?: string | undefined;
  /**
   * How often its worker vanished shortly after the start, wherever it was, since it last ran well for a while.
   */
  readonly earlyDeaths?: number | undefined;
  readonly claimedAt?: number | undefined;
  readonly owner?: string | undefined;
  /**
   * Incremented with every claim: a worker with an older fence has lost the job and may write nothing more
   * about it.
   */
  readonly fence: number;
  readonly leaseUntil?: number | undefined;
  readonly error?: ErrorBody | undefined;
  /** The topic of its `Wait`: what it waits for, besides `runAt`, without a worker. */
  readonly waitsFor?: string | undefined;
}

export interface SagaRun extends Kept {
  readonly id: string;
  /** `sandbox.create@1` */
  readonly name: string;
  readonly state: 'running' | 'undoing' | 'done' | 'undone' | 'stuck' | 'forgotten';
  readonly input: Json;
  readonly result?: Json | undefined;
  /** Why it was undone. With `cancelAsked`: why it is to be undone, if not because a person cancelled it. */
  readonly error?: ErrorBody | undefined;
  /** Why it is stuck: the step, and the error of its undo. */
  readonly stuckAt?: { readonly step: string; readonly error: ErrorBody } | undefined;
  /** The record the run is about. */
  readonly subject?: string | undefined;
  readonly cancelAsked?: string | undefined;
  /** The process that last took it up. */
  readonly owner?: string | undefined;
  /** Incremented each time the run is taken up; absent means never. */
  readonly fence?: number | undefined;
}

/** One line of a saga's journal; `id` is `<saga>/<five digits>`, so that lines sort in order. */
export interface JournalEntry extends Kept {
  readonly id: string;
  readonly sagaId: string;
  readonly step: string;
  readonly phase: 'started' | 'done' | 'undo_started' | 'undone';
  readonly output?: Json | undefined;
  readonly durationMs?: number | undefined;
}

/** An exclusive right with a time limit; `id` names what it is for. */
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

/**
 * What an attempt may do through the guest channel: the git refs it may read and write, and the models it may
 * use.
 */
export interface AttemptGrant extends Kept {
  readonly id: string;
  readonly sandboxId: string;
  readonly attemptId?: string | undefined;
  readonly workspaceId?: string | undefined;
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  /**
   * Refs it may read: exact names, or prefixes that end in `/`. Absent in rows of an earlier version, which
   * may read the targets.
   */
  readonly readRefs?: readonly string[] | undefined;
  /** Refs it may read and write. */
  readonly writeRefs: readonly string[];
  /** Bytes pushed with this grant so far. */
  readonly pushedBytes?: number | undefined;
  readonly expiresAt?: number | undefined;
}

/** The answer to a permission request of an agent; `id` is its process, then the id of the request in it. */
export interface Permission extends Kept {
  readonly id: string;
  readonly attemptId: string;
  readonly title: string;
  readonly decision: PermissionDecision;
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

/** One connection that a sandbox requested, allowed or denied. */
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

/** The result of a workspace's set-up commands as a disk layer, found by the hash of all its inputs. */
export interface Prebuild extends Kept {
  readonly id: string;
  readonly workspaceId: string;
  /** `superseded`: nothing new starts from it, and its layer will be deleted. */
  readonly state: 'building' | 'ready' | 'failed' | 'superseded';
  readonly inputHash: string;
  readonly driver: string;
  /** The only attempt that may use it, because it was built from commits that have not landed. */
  readonly attemptId?: string | undefined;
  /**
   * Set when this is not the result of a set-up but the disk of a sandbox, as it was when its machine died.
   */
  readonly sandboxId?: string | undefined;
  readonly layer?: string | undefined;
  readonly sizeBytes?: number | undefined;
  readonly error?: ErrorBody | undefined;
}

/**
 * A create request with an idempotency key and, once done, its response. `id` combines the key and its owner.
 */
export interface AnsweredRequest extends Kept {
  readonly id: string;
  readonly routeId: string;
  readonly bodyHash: string;
  readonly status: number;
  /**
   * The id of the new record, chosen before it is created: after a crash the same request creates the same
   * record.
   */
  readonly recordId: string;
  /** Absent until the create is done. */
  readonly answer?: Json | undefined;
}

/** Single facts about the installation, such as its id and creation time. */
export interface Setting extends Kept {
  readonly id: string;
  readonly value: Json;
}

interface Shape {
  workspaces: { row: Workspace; index: 'name' };
  sandboxes: { row: Sandbox; index: 'state' | 'workspaceId' | 'attemptId' };
  tasks: { row: Task; index: 'state' | 'workspaceId' | 'parentId' };
  attempts: { row: Attempt; index: 'state' | 'taskId' };
  sessions: { row: Session; index: 'attemptId' | 'taskId' };
  turns: { row: Turn; index: 'state' | 'sessionId' | 'attemptId' };
  items: { row: Item; index: 'turnId' | 'sessionId' };
  gateRuns: { row: GateRun; index: 'state' | 'changeId' | 'inputHash' };
  changes: { row: Change; index: 'state' | 'taskId' };
  tokens: { row: Token; index: 'role' };
  tokenSecrets: { row: TokenSecret; index: 'hash' };
  grants: { row: AttemptGrant; index: 'sandboxId' | 'attemptId' | 'hash' };
  permissions: { row: Permission; index: 'attemptId' };
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

/** The indexed columns at run time; the types keep them in step with `Shape`. */
export const INDEXES = {
  workspaces: ['name'],
  sandboxes: ['state', 'workspaceId', 'attemptId'],
  tasks: ['state', 'workspaceId', 'parentId'],
  attempts: ['state', 'taskId'],
  sessions: ['attemptId', 'taskId'],
  turns: ['state', 'sessionId', 'attemptId'],
  items: ['turnId', 'sessionId'],
  gateRuns: ['state', 'changeId', 'inputHash'],
  changes: ['state', 'taskId'],
  tokens: ['role'],
  tokenSecrets: ['hash'],
  grants: ['sandboxId', 'attemptId', 'hash'],
  permissions: ['attemptId'],
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

/**
 * Tables whose rows end and are deleted after a while; the stores find the least recently updated ones by an
 * index.
 */
export const PRUNED = [
  'sagas',
  'jobs',
  'tasks',
  'sandboxes',
  'tokens',
  'leases',
  'answeredRequests',
] as const satisfies readonly TableName[];
