/**
 * Git as the workflows need it: the hub, which the server owns, and the checkouts inside sandboxes. The rules of
 * `ports.ts` apply.
 */
import type { CommitId, Repository, RepositorySpec } from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import type { z } from 'zod';

type Commit = z.infer<typeof CommitId>;
export type CommitByRepository = Readonly<Record<string, Commit>>;

/**
 * One bare repository for each repository of a workspace, owned by the server. No agent can write to its
 * folder.
 */
export interface Hub {
  /**
   * Clones or refreshes. Rejects with `repository.*`, `branch.missing`, or the reason of the signal.
   * Credentials in URLs are refused. Until `recorded` is called, a server crash leaves the workspace's copies
   * marked as half-made.
   */
  importRepository(
    workspaceId: string,
    spec: z.infer<typeof RepositorySpec>,
    signal?: AbortSignal,
  ): Promise<Repository>;
  /**
   * Fetches the target branch from its source if the source is reachable and the branch has moved forward
   * there; otherwise changes nothing. Waits a few seconds for a slow source, and not at all for one that was
   * silent before; its commits then arrive with a later refresh. Resolves with the reason why the copy may be
   * behind its source; whoever works on the copy MUST be told.
   */
  refresh(workspaceId: string, repository: Repository, signal?: AbortSignal): Promise<StaleCopy | undefined>;
  /** The workspace now has a record, so its copies are no longer half-made. */
  recorded(workspaceId: string): Promise<void>;
  /** Also removes what an interrupted removal left. Succeeds if the workspace is unknown. */
  removeWorkspace(workspaceId: string): Promise<void>;
  /**
   * All workspaces with anything in the hub, including half-made or half-removed ones, and when each last
   * changed.
   */
  listWorkspaces(): Promise<readonly HubWorkspace[]>;
  /**
   * Packs loose objects and deletes ones unreferenced for long, if there are enough to be worth it; the
   * threshold is higher while somebody works there (`isQuiet` false). Safe to run concurrently with
   * everything else. Returns whether it did anything.
   */
  maintain(workspaceId: string, repository: string, isQuiet: boolean): Promise<boolean>;
  /** The commit of a full ref name, or undefined. */
  resolve(workspaceId: string, repository: string, ref: string): Promise<Commit | undefined>;
  /**
   * Moves a full ref from one commit (or absence) to another (or to absence). Returns false if the ref is
   * elsewhere.
   */
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
   * Merges `head` into `base` without a working tree and keeps the merge under the full ref `keepAt`. The
   * same arguments yield the same commit: author, dates and message are arguments.
   */
  merge(workspaceId: string, repository: string, merge: MergeOptions): Promise<MergeResult>;
  /**
   * Creates a commit, kept under the full ref `keepAt`, with the files of `commit`, except that some are as
   * in `from` (or absent if they are absent there) and some have the given texts. The same arguments yield
   * the same commit.
   */
  compose(workspaceId: string, repository: string, request: ComposeRequest): Promise<Commit>;
  /** Every file of a commit: path → content id, where equal content has an equal id; `link <id>` for a link. */
  files(workspaceId: string, repository: string, commit: Commit): Promise<Readonly<Record<string, string>>>;
  /**
   * Identifies all files of a commit including their modes: equal files have an equal id, whatever else the
   * commit contains.
   */
  tree(workspaceId: string, repository: string, commit: Commit): Promise<string>;
  /**
   * The text of a file in a commit; undefined if it is absent, not a regular file, or larger than `maxBytes`.
   * A link is not a regular file, unless its target is requested.
   */
  readFile(workspaceId: string, repository: string, file: FileRequest): Promise<string | undefined>;
  /** Unified diff between two commits; with a folder, paths are prefixed with it. */
  diff(workspaceId: string, repository: string, from: Commit, to: Commit, folder?: string): Promise<string>;
  /** Whether a commit is an ancestor of another, or the same. */
  contains(workspaceId: string, repository: string, descendant: Commit, ancestor: Commit): Promise<boolean>;
  /**
   * The same hub, but its operations end with the signal and reject with its reason. An interrupted merge is
   * kept either completely or not at all.
   */
  until(signal: AbortSignal): Hub;
}

export interface StaleCopy {
  readonly reason: string;
  /** When it was last known to match its source. */
  readonly currentAt: number;
}

export interface HubWorkspace {
  readonly id: string;
  readonly changedAt: number;
  /**
   * A server that has since died started it without reaching `recorded`, or started its removal without
   * finishing.
   */
  readonly isHalfMade: boolean;
}

export interface FileRequest {
  readonly commit: Commit;
  readonly path: string;
  readonly maxBytes: number;
  /** Read a link's target as its text. */
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
  /** `head` contains nothing that `base` lacks. */
  | { readonly kind: 'nothing' };

/**
 * Git inside a sandbox, through commands run there: the server's own git never touches a sandbox's folders.
 */
export interface Checkouts {
  /**
   * Checks out every repository at its commit into `<root>/<name>`, on a local branch. Existing files of a
   * prepared layer stay beside those of the commit, and no later turn commits them. All git metadata is
   * created anew.
   */
  clone(sandbox: Sandbox, checkout: CheckoutRequest): Promise<void>;
  /**
   * Runs after a set-up: reverts its changes to the commit's files; files it added stay, and no later turn
   * commits them. Only what is done from now on counts as work.
   */
  settle(sandbox: Sandbox, request: SettleRequest): Promise<void>;
  /**
   * What lies beside the files of the commit, ignored or not, by repository. A path that ends with `/` is a
   * folder that holds nothing of the commit. Truthful only while no command has run in the sandbox.
   */
  listUntracked(
    sandbox: Sandbox,
    request: SettleRequest,
  ): Promise<Readonly<Record<string, readonly string[]>>>;
  /** Deletes paths that `listUntracked` returned. */
  removeUntracked(
    sandbox: Sandbox,
    request: CheckoutStep & { readonly paths: Readonly<Record<string, readonly string[]>> },
  ): Promise<void>;
  /** Updates `origin/*` from the hub. Touches no file, and no branch or index unless `saved` is given. */
  fetch(sandbox: Sandbox, fetch: FetchRequest): Promise<void>;
  /**
   * Commits everything in the working tree (except ignored files) without touching the agent's index or
   * branch, and pushes the commit to `turnRef` and `branchRef`. The parents are `previous` and the checkout's
   * head, without one that the other contains, so that both refs only move forward. Returns the commits; a
   * repository whose tree equals that of its single parent keeps that parent.
   */
  saveTurn(sandbox: Sandbox, turn: SaveTurnRequest): Promise<CommitByRepository>;
}

/** The common arguments of all operations on a checkout. */
export interface CheckoutStep {
  /** The same on every attempt: whatever an earlier one left running is ended first. */
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
    /** The hub ref that leads to the commit. Default: the ref of the branch. */
    readonly from?: string | undefined;
  }[];
  /** The token of the grant; passed to git through the environment, never through a file or a URL. */
  readonly token: string;
}

export interface FetchRequest extends CheckoutStep {
  readonly workspaceId: string;
  readonly repositories: readonly string[];
  /**
   * What the last turn saved: the checked-out branch moves there, so that a merge encounters no uncommitted
   * work.
   */
  readonly saved?: CommitByRepository | undefined;
  readonly token: string;
}

export interface SaveTurnRequest extends CheckoutStep {
  readonly workspaceId: string;
  readonly repositories: readonly string[];
  /** What the previous turn saved, by repository; before the first turn, the commit of the checkout. */
  readonly previous: CommitByRepository;
  readonly message: string;
  readonly at: number;
  readonly turnRef: string;
  readonly branchRef: string;
  readonly token: string;
}
