/** Determines what a sandbox will be from the request, its workspace and the installation's defaults. */
import type { EgressPolicy, Isolation, Limits, Sandbox, Workspace } from '@berth/contract';
import type { ReadTx } from '../kernel/index.ts';
import type { CheckoutRequest, Defaults } from '../ports.ts';
import type { SetupPlan } from '../setup-plan.ts';

/**
 * The input of `sandbox.create`: everything its steps need. A type rather than an interface, because it must
 * be JSON.
 */
export type SandboxPlan = {
  /** Chosen by the caller, so that it can remove the sandbox whatever happens to the saga. */
  readonly id: string;
  readonly purpose: Sandbox['purpose'];
  readonly workspaceId?: string | undefined;
  readonly attemptId?: string | undefined;
  readonly driver?: string | undefined;
  readonly isolation?: Isolation | undefined;
  readonly image?: string | undefined;
  readonly limits: Limits;
  readonly egress: EgressPolicy;
  readonly expiresAt?: number | undefined;
  readonly layers: readonly string[];
  readonly tools: readonly { readonly source: string; readonly target: string }[];
  /**
   * Hub refs that it may read in addition to those of its checkout. Absent in plans of an older version,
   * which may read the targets.
   */
  readonly readRefs?: readonly string[] | undefined;
  /** Hub refs that it may read and push to. */
  readonly writeRefs: readonly string[];
  /** Checked out once the machine runs; may be empty. */
  readonly checkout: CheckoutRequest['repositories'];
  /** Run after the checkout, under its own egress policy. */
  readonly setup?: SetupPlan | undefined;
};

type Settled = 'limits' | 'egress' | 'layers' | 'tools' | 'readRefs' | 'writeRefs' | 'checkout';
type Asked = Omit<SandboxPlan, Settled> & { readonly [K in Settled]?: SandboxPlan[K] | undefined };
type Settings = Pick<Workspace, 'id' | 'driver' | 'image' | 'limits' | 'egress'>;

/**
 * The request takes precedence over the workspace, and the workspace over the defaults, for each limit
 * separately.
 */
export const planSandbox = (
  defaults: Pick<Defaults, 'limits' | 'egress'>,
  workspace: Settings | undefined,
  asked: Asked,
): SandboxPlan => ({
  ...asked,
  layers: asked.layers ?? [],
  tools: asked.tools ?? [],
  readRefs: asked.readRefs ?? [],
  writeRefs: asked.writeRefs ?? [],
  checkout: asked.checkout ?? [],
  workspaceId: workspace?.id,
  driver: asked.driver ?? workspace?.driver,
  image: asked.image ?? workspace?.image,
  limits: { ...defaults.limits, ...workspace?.limits, ...asked.limits },
  egress: asked.egress ?? workspace?.egress ?? defaults.egress,
});

export const branchRef = (branch: string): string => `refs/heads/${branch}`;

/** Refs that the work may be merged with. */
export const targetRefs = ({ repositories }: Pick<Workspace, 'repositories'>): string[] => [
  ...new Set(repositories.map(({ branch }) => branchRef(branch))),
];

/** The refs of its checkout, and those its plan names. */
export const readRefsOf = async (
  tx: ReadTx,
  { readRefs, workspaceId = '', checkout }: SandboxPlan,
): Promise<string[]> => {
  const workspace = readRefs === undefined ? await tx.table('workspaces').get(workspaceId) : undefined;
  const named = readRefs ?? (workspace === undefined ? [] : targetRefs(workspace));
  return [...named, ...checkout.map(({ from, branch }) => from ?? branchRef(branch))];
};
