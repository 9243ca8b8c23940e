/**
 * What the workflows ask of the world. The server implements these (`server/src/infra`, `server/src/gateway`), the
 * simulation and the saga laws use scripted ones. All of them may be called again with the same arguments after a
 * crash and then lead to the same end.
 */

import type {
  CommitId,
  EgressPolicy,
  GateProfile,
  Isolation,
  ItemBody,
  Limits,
  Repository,
  RepositorySpec,
} from '@berth/contract';
import type { Driver, Json, ListedMachine, Machine, MachineSpec, Sandbox, TurnEnd } from '@berth/plugin-api';
import type { z } from 'zod';
import type { Precedence } from './change/index.ts';
import type { Clock, Ids, Leases, Log, Queue, Sagas, Store, Troubles } from './kernel/index.ts';
import type { Places } from './sandbox/index.ts';

type Commit = z.infer<typeof CommitId>;
export type CommitByRepository = Readonly<Record<string, Commit>>;

/** Machines on all drivers of this installation. */
export interface Machines {
  /** Names of the drivers that are configured. */
  readonly names: readonly string[];
  /**
   * The driver to use. The default when none is named, never `host` by itself. Rejects with `driver.unknown`,
   * `driver.absent`, or `driver.unsupported` when its isolation is weaker than asked.
   */
  choose(wanted: {
    driver?: string | undefined;
    isolation?: Isolation | undefined;
  }): Promise<{ name: string; isolation: Isolation }>;
  create(driver: string, spec: MachineSpec, signal: AbortSignal): Promise<Machine>;
  /** Ends the machine and every connection to it. */
  destroy(driver: string, id: string): Promise<void>;
  /** Ends every connection to a machine. The next `open` makes new ones, if it lives. */
  hangUp(id: string): Promise<void>;
  list(driver: string): AsyncIterable<ListedMachine>;
  facets(driver: string): Driver['facets'];
  /** The inside of a running machine; also opens its uplink (git, models, egress). Rejects with `sandbox.unreachable`. */
  open(driver: string, id: string): Promise<Sandbox>;
}

/** One bare repository per repository of a workspace, owned by the server. No agent can write its folder. */
export interface Hub {
  /**
   * Clones or refreshes. Rejects with `repository.*`, `branch.missing`, or the reason of the signal. Credentials in URLs
   * are refused. Until `recorded`, what is there under the workspace counts as half-made once the server has died.
   */
  importRepository(
    workspaceId: string,
    spec: z.infer<typeof RepositorySpec>,
    signal?: AbortSignal,
  ): Promise<Repository>;
  /**
   * Fetches the target branch from its source when it can be reached and moved forward there; else changes nothing. A
   * source that is slow to answer is waited for a few seconds, one that was silent not at all: what it has comes later.
   * Resolves with why the copy may be behind its source, which whoever works on it MUST be told.
   */
  refresh(workspaceId: string, repository: Repository, signal?: AbortSignal): Promise<StaleCopy | undefined>;
  /** The workspace has its record from now on: its copies are no longer half-made. */
  recorded(workspaceId: string): Promise<void>;
  /** Also what an interrupted removal left. Succeeds for an unknown one. */
  removeWorkspace(workspaceId: string): Promise<void>;
  /** Of which workspaces there is anything, also half-made or half-removed, and when that last changed. */
  listWorkspaces(): Promise<readonly HubWorkspace[]>;
  /**
   * Packs what lies loose and drops what nothing has named for long, when there is enough of it to be worth it: more
   * when somebody works there (`isQuiet` false). Safe beside everything else. Returns whether it did.
   */
  maintain(workspaceId: string, repository: string, isQuiet: boolean): Promise<boolean>;
  /** The commit of a full ref name, or undefined. */
  resolve(workspaceId: string, repository: string, ref: string): Promise<Commit | undefined>;
  /** Moves a full ref from a commit (or from absence) to another (or to absence). False when it is elsewhere. */
  swap(
    workspaceId: string,
    repository: string,
    ref: string,
    from: Commit | undefined,
    to: Commit | undefined,
  ): Promise<boolean>;
  listRefs(
    workspaceId: string,
    repository: string,
    prefix: string,
  ): Promise<Readonly<Record<string, Commit>>>;
  /**
   * Computes the merge of `head` into `base` without a working tree and keeps it under the full ref `keepAt`.
   * The commit is the same for the same arguments: author, dates and message are given.
   */
  merge(workspaceId: string, repository: string, merge: MergeOptions): Promise<MergeResult>;
  /**
   * A commit of its own, kept under the full ref `keepAt`: the files of `commit`, but some as they are in `from` (or
   * absent, as there), and some with texts of their own. The same for the same arguments.
   */
  compose(workspaceId: string, repository: string, request: ComposeRequest): Promise<Commit>;
  /** Every file of a commit: its path and the id of its content, which names equal content equally; `link <id>` for a link. */
  files(workspaceId: string, repository: string, commit: Commit): Promise<Readonly<Record<string, string>>>;
  /** Names all files of a commit with their modes: equal files, equal id, whatever the commit says beside them. */
  tree(workspaceId: string, repository: string, commit: Commit): Promise<string>;
  /** The text of a file in a commit; undefined when it is absent, no plain file, or larger than `maxBytes`. A link is none, unless it is asked where it leads. */
  readFile(workspaceId: string, repository: string, file: FileRequest): Promise<string | undefined>;
  /** Unified diff between two commits; with a folder, paths are shown below it. */
  diff(workspaceId: string, repository: string, from: Commit, to: Commit, folder?: string): Promise<string>;
  /** Whether a commit is an ancestor of another, or the same. */
  contains(workspaceId: string, repository: string, descendant: Commit, ancestor: Commit): Promise<boolean>;
  /** The same hub, whose acts end with the signal and reject with its reason. A merge keeps nothing then, or all. */
  until(signal: AbortSignal): Hub;
}

export interface StaleCopy {
  readonly reason: string;
  /** When it was last seen to be as its source. */
  readonly currentAt: number;
}

export interface HubWorkspace {
  readonly id: string;
  readonly changedAt: number;
  /** A server that is gone began with it and did not come to `recorded`, or did not come to the end of its removal. */
  readonly isHalfMade: boolean;
}

export interface FileRequest {
  readonly commit: Commit;
  readonly path: string;
  readonly maxBytes: number;
  /** Where a link leads is its text. */
  readonly links?: boolean | undefined;
}

export interface MergeOptions {
  readonly base: Commit;
  readonly head: Commit;
  readonly message: string;
  readonly at: number;
  readonly keepAt: string;
}

export interface ComposeRequest {
  readonly commit: Commit;
  readonly from: Commit;
  readonly paths: readonly string[];
  readonly texts: Readonly<Record<string, string>>;
  readonly message: string;
  readonly at: number;
  readonly keepAt: string;
}

export type MergeResult =
  | { readonly kind: 'merged'; readonly commit: Commit }
  | { readonly kind: 'conflict'; readonly paths: readonly string[] }
  /** `head` brings nothing that `base` does not have. */
  | { readonly kind: 'nothing' };

/** Git inside a sandbox, by commands run there: the server's own git never looks into a sandbox's folders. */
export interface Checkouts {
  /**
   * Puts every repository at its commit into `<root>/<name>`, on a local branch. Files of a prepared layer that are
   * there already stay beside those of the commit, without being committed by a later turn. All that is git's is made anew.
   */
  clone(sandbox: Sandbox, checkout: CheckoutRequest): Promise<void>;
  /**
   * After a set-up: what it changed in files of the commit is taken back, and what it left beside them stays without
   * being committed by a later turn. Only what somebody does from now on is work.
   */
  settle(sandbox: Sandbox, request: SettleRequest): Promise<void>;
  /** Brings `origin/*` up to date with the hub. Touches no file, and no branch or index unless `saved` says so. */
  fetch(sandbox: Sandbox, fetch: FetchRequest): Promise<void>;
  /**
   * Commits everything in the working tree (ignored files excepted) without touching the agent's index or branch, and
   * pushes it to `turnRef` and `branchRef`. The parents are `previous` and the checkout's head, without the one that
   * the other contains, so that both refs only move forward. Returns the commits; a repository whose tree equals its
   * single parent's keeps that parent.
   */
  saveTurn(sandbox: Sandbox, turn: SaveTurnRequest): Promise<CommitByRepository>;
}

/** What all work in a checkout is told. */
export interface CheckoutStep {
  /** The same on every try: what an earlier one left running is ended first. */
  readonly key: string;
  /** A stop leaves what runs inside running. */
  readonly signal?: AbortSignal | undefined;
}

export interface SettleRequest extends CheckoutStep {
  readonly repositories: readonly string[];
}

export interface CheckoutRequest extends CheckoutStep {
  readonly workspaceId: string;
  readonly repositories: readonly {
    readonly name: string;
    readonly commit: Commit;
    readonly branch: string;
    /** The ref of the hub that leads to the commit; the one of the branch when absent. */
    readonly from?: string | undefined;
  }[];
  /** The token of the grant; it reaches git through the environment, never through a file or a URL. */
  readonly token: string;
}

export interface FetchRequest extends CheckoutStep {
  readonly workspaceId: string;
  readonly repositories: readonly string[];
  /** What the last turn saved: the branch that is checked out moves there, so that a merge meets no uncommitted work. */
  readonly saved?: CommitByRepository | undefined;
  readonly token: string;
}

export interface SaveTurnRequest extends CheckoutStep {
  readonly workspaceId: string;
  readonly repositories: readonly string[];
  /** What the turn before saved, by repository; the commit of the checkout before the first. */
  readonly previous: CommitByRepository;
  readonly message: string;
  readonly at: number;
  readonly turnRef: string;
  readonly branchRef: string;
  readonly token: string;
}

/** Tokens for the inside of a sandbox. Derived from the installation's secret, so that a resumed step has it again. */
export interface Grants {
  /** The token of a sandbox; the record that gives it its rights is the row in `grants`. */
  tokenFor(sandboxId: string): string;
  hash(token: string): string;
}

export interface Agents {
  readonly names: readonly string[];
  /** Rejects with `agent.unknown`, `agent.absent`, `model.unconfigured`. Returns what a sandbox for it must show and hold. */
  prepare(agent: string, model: string | undefined): Promise<PreparedAgent>;
  turn(turn: AgentTurn, signal: AbortSignal): Promise<TurnEnd>;
}

export interface PreparedAgent {
  readonly tools: MachineSpec['tools'];
  readonly memoryBytes: number;
  /** `provider/model` that will be used; absent for agents without a model. */
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
  /** What a person asked for, in his words alone. */
  readonly asked: string;
  readonly cwd: string;
  readonly session: Json | undefined;
  readonly token: string;
  readonly emit: (id: string, body: ItemBody) => void;
}

/** What a sandbox gets when nobody says otherwise. */
export interface Defaults {
  readonly limits: { readonly [K in keyof Limits]-?: NonNullable<Limits[K]> };
  readonly egress: EgressPolicy;
  readonly agent: string;
  /** Those whose gates count although commands can forge the verdict there. */
  readonly trustedGateDrivers: readonly string[];
  readonly maxSandboxes: number;
  readonly keepAliveMs: number;
  readonly maxRounds: number;
  /** How thorough a gate is when its workspace does not say. */
  readonly gate: GateProfile;
  readonly gateTimeoutMs: number;
  /** How long the first turn of an attempt waits to hear whether its target passes its own gate. */
  readonly targetGateWaitMs: number;
  readonly setupTimeoutMs: number;
}

/** How long what has ended is kept. */
export interface Retention {
  /** Runs of sagas with their journals, and jobs. */
  readonly runsMs: number;
  readonly eventsMs: number;
  /** More events than that are not kept, however young. */
  readonly maxEvents: number;
  /** Nor more than these bytes of them. */
  readonly maxEventBytes: number;
  /** Tasks with attempts, conversations, evidence and costs, and branches with work that never landed. */
  readonly tasksMs: number;
  /** Records of sandboxes that are gone, with their connections. */
  readonly sandboxesMs: number;
  /** Hidden refs of changes and turns, and branches of what has landed. */
  readonly refsMs: number;
  /** Tokens that were revoked or have expired. */
  readonly tokensMs: number;
  /** Changes that wait for a person; they are turned down then. */
  readonly approvalsMs: number;
}

export interface ExternalPorts {
  readonly machines: Machines;
  readonly hub: Hub;
  readonly checkouts: Checkouts;
  readonly grants: Grants;
  readonly agents: Agents;
  readonly defaults: Defaults;
  readonly retention: Retention;
}

/**
 * All that workflows, reconcilers and verbs are given: the kernel's parts and the ports. One object, made once in
 * `core.ts`, so that a simulation can replace every part of the world and nothing reaches past it.
 */
export interface Ports extends ExternalPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** SHA-256 of a text in UTF-8, hex. */
  readonly digest: (text: string) => string;
  readonly log: Log;
  readonly troubles: Troubles;
  readonly queue: Queue;
  readonly leases: Leases;
  readonly precedence: Precedence;
  readonly places: Places;
  /** To run a saga from a step of another. */
  readonly sagas: Sagas<Ports>;
}
