/**
 * What the workflows need from the outside world. The server implements these ports; the simulation and the
 * saga laws use scripted ones. Each call may be repeated with the same arguments after a crash and must then
 * have the same outcome.
 */

import type {
  BerthError,
  EgressPolicy,
  GateProfile,
  Isolation,
  ItemBody,
  Limits,
  Sandbox as SandboxRecord,
} from '@berth/contract';
import type {
  Driver,
  Json,
  Liveness,
  Machine,
  MachineSpec,
  PermissionDecision,
  PermissionRequest,
  Sandbox,
  TurnEnd,
} from '@berth/plugin-api';
import type { Judge } from './gate/index.ts';
import type { Checkouts, Hub } from './git-ports.ts';
import type { Clock, Ids, Leases, Log, Queue, ReadTx, Sagas, Store, Troubles } from './kernel/index.ts';

export * from './git-ports.ts';

/** The machines of all drivers in this installation. */
export interface Machines {
  /** Names of the configured drivers. */
  readonly names: readonly string[];
  /**
   * Selects the driver: the default if none is named, but never `host` by default. Rejects with
   * `driver.unknown`, `driver.absent`, or `driver.unsupported` if its isolation is weaker than requested.
   */
  choose(wanted: {
    driver?: string | undefined;
    isolation?: Isolation | undefined;
  }): Promise<{ name: string; isolation: Isolation }>;
  create(driver: string, spec: MachineSpec, signal: AbortSignal): Promise<Machine>;
  /**
   * Identifies by content what a new machine is made of below its layers: the image, or the host's system folders,
   * and everything the server adds. Evidence and layers are bound to it.
   */
  identify(driver: string, image: string | undefined): Promise<string>;
  /** Destroys the machine and closes every connection to it. */
  destroy(driver: string, id: string): Promise<void>;
  /** Closes every connection to a machine. The next `open` makes new ones if the machine lives. */
  hangUp(id: string): Promise<void>;
  /** What the driver says of one machine. Never rejects. */
  inspect(driver: string, id: string): Promise<Liveness>;
  list(driver: string): AsyncIterable<{ readonly id: string }>;
  facets(driver: string): Driver['facets'];
  /**
   * Connects to a running machine and opens its uplink (git, models, egress). Rejects with
   * `sandbox.unreachable`.
   */
  open(driver: string, id: string): Promise<Sandbox>;
}

/**
 * Tokens for use inside a sandbox. Derived from the installation's secret, so that a resumed step gets the
 * same token.
 */
export interface Grants {
  /** The token of a sandbox; its rights come from the row in `grants`. */
  tokenFor(sandboxId: string): string;
  hash(token: string): string;
}

export interface Agents {
  readonly names: readonly string[];
  /**
   * Returns what a sandbox for the agent must contain and show. Rejects with `agent.unknown`, `agent.absent`
   * or `model.unconfigured`.
   */
  prepare(agent: string, model: string | undefined): Promise<PreparedAgent>;
  turn(turn: AgentTurn, signal: AbortSignal): Promise<TurnEnd>;
}

export interface PreparedAgent {
  readonly tools: MachineSpec['tools'];
  readonly memoryBytes: number;
  /** The `provider/model` that will be used; absent for agents without a model. */
  readonly model: string | undefined;
}

export interface AgentTurn {
  readonly agent: string;
  readonly model: string | undefined;
  readonly driver: string;
  readonly sandbox: Sandbox;
  readonly attemptId: string;
  readonly execId: string;
  readonly prompt: string;
  /** The person's request, in their own words. */
  readonly asked: string;
  readonly cwd: string;
  readonly session: Json | undefined;
  readonly token: string;
  readonly emit: (id: string, body: ItemBody) => void;
  /** As in `AgentWorld`. */
  readonly decide: (request: PermissionRequest) => Promise<PermissionDecision>;
}

/**
 * Decides what agents ask permission for. A decision is stored before the agent hears of it, so each request is
 * decided once; but a server that dies before it is stored asks again.
 */
export interface Permissions {
  decide(request: PermissionRequest, signal: AbortSignal): Promise<PermissionDecision>;
}

/** What a sandbox gets by default. */
export interface Defaults {
  readonly limits: { readonly [K in keyof Limits]-?: NonNullable<Limits[K]> };
  readonly egress: EgressPolicy;
  readonly agent: string;
  /** Drivers whose gates count even though commands can forge the verdict there. */
  readonly trustedGateDrivers: readonly string[];
  readonly maxSandboxes: number;
  readonly keepAliveMs: number;
  readonly maxRounds: number;
  /** How thorough a gate is unless its workspace specifies it. */
  readonly gate: GateProfile;
  readonly gateTimeoutMs: number;
  /** Whether tests run once more, altered so that they must fail, unless the workspace specifies it. */
  readonly alteredTests: boolean;
  /** How long the first turn of an attempt waits for the verdict of the target's own gate. */
  readonly targetGateWaitMs: number;
  readonly setupTimeoutMs: number;
}

/** How long records are kept after they have ended. */
export interface Retention {
  /** Saga runs with their journals, and jobs. */
  readonly runsMs: number;
  readonly eventsMs: number;
  /** Maximum number of events kept, regardless of age. */
  readonly maxEvents: number;
  /** Maximum size of the events kept, in bytes. */
  readonly maxEventBytes: number;
  /** Tasks with attempts, conversations, evidence and costs, and branches with work that never landed. */
  readonly tasksMs: number;
  /** Records of sandboxes that are gone, with their connections. */
  readonly sandboxesMs: number;
  /** Hidden refs of changes and turns, and branches of what has landed. */
  readonly refsMs: number;
  /** Revoked or expired tokens. */
  readonly tokensMs: number;
  /** Changes that wait for a person, which are rejected after this. */
  readonly approvalsMs: number;
}

/** Decides which change may move a target (`change/precedence.ts`). */
export interface Precedence {
  /**
   * Waits while another change has precedence in the workspace: briefly itself, and then without a worker.
   * Rejects with the reason of the signal, or with `Deferred`.
   */
  pass(landing: WantedLanding, signal: AbortSignal): Promise<void>;
  /** Checks and moves targets of a workspace while nobody else does, in FIFO order. */
  exclusively<T>(workspaceId: string, act: () => Promise<T>): Promise<T>;
}

export interface WantedLanding {
  readonly workspaceId: string;
  readonly attemptId: string;
}

/** The slots under the limit on sandboxes (`sandbox/slots.ts`). */
export interface SandboxSlots {
  /** The number of free slots; negative if the limit was lowered. */
  free(tx: ReadTx): Promise<number>;
  /** The error for when there is none, with the holders of the slots. */
  reached(tx: ReadTx): Promise<BerthError>;
  /**
   * Rejects with `Deferred`, or with `sandbox.limit_reached` if no slot has been freed for long, counted
   * from `since` at the earliest.
   */
  assertFree(tx: ReadTx, request: SlotRequest): Promise<void>;
  /** For callers that do not wait. Rejects with `sandbox.limit_reached`. */
  assertFreeNow(tx: ReadTx): Promise<void>;
}

interface SlotRequest {
  readonly purpose: SandboxRecord['purpose'];
  readonly since: number;
}

export interface ExternalPorts {
  readonly machines: Machines;
  readonly hub: Hub;
  readonly checkouts: Checkouts;
  readonly grants: Grants;
  readonly agents: Agents;
  readonly judge: Judge;
  readonly permissions: Permissions;
  readonly defaults: Defaults;
  readonly retention: Retention;
}

/**
 * Everything that workflows, reconcilers and verbs receive: the kernel's parts and the ports. A single
 * object, created once in `core.ts`, so that a simulation can replace every part of the world and nothing
 * bypasses it.
 */
export interface Ports extends ExternalPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** SHA-256 of a UTF-8 text, in hex. */
  readonly digest: (text: string) => string;
  readonly log: Log;
  readonly troubles: Troubles;
  readonly queue: Queue;
  readonly leases: Leases;
  readonly precedence: Precedence;
  readonly slots: SandboxSlots;
  /** Runs a saga from a step of another. */
  readonly sagas: Sagas<Ports>;
}
