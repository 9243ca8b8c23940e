/** What a sandbox will be, settled from what was asked, what its workspace says, and the installation's defaults. */
import type { EgressPolicy, Isolation, Limits, Sandbox, Workspace } from '@berth/contract';
import type { ReadTx } from '../kernel/index.ts';
import type { CheckoutRequest, Defaults } from '../ports.ts';
import type { SetupPlan } from '../setup-plan.ts';

/** The input of `sandbox.create`: everything that its steps need. A type and not an interface, because it is JSON. */
export type SandboxPlan = {
  /** Chosen by the caller, so that it can remove the sandbox whatever became of the saga. */
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
  /** Refs of the hub that it may read, besides those that its checkout comes from; the targets in a plan of an older version. */
  readonly readRefs?: readonly string[] | undefined;
  /** Refs of the hub that it may read and push. */
  readonly writeRefs: readonly string[];
  /** Put into place when the machine runs; nothing when empty. */
  readonly checkout: CheckoutRequest['repositories'];
  /** Run after the checkout, under an egress policy of its own. */
  readonly setup?: SetupPlan | undefined;
};

type Settled = 'limits' | 'egress' | 'layers' | 'tools' | 'readRefs' | 'writeRefs' | 'checkout';
type Asked = Omit<SandboxPlan, Settled> & { readonly [K in Settled]?: SandboxPlan[K] | undefined };
type Settings = Pick<Workspace, 'id' | 'driver' | 'image' | 'limits' | 'egress'>;

/** What was asked wins over the workspace, the workspace over the defaults; each limit on its own. */
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

/** What work may be merged with. */
export const targetRefs = ({ repositories }: Pick<Workspace, 'repositories'>): string[] => [
  ...new Set(repositories.map(({ branch }) => branchRef(branch))),
];

/** What its checkout comes from, and what its plan names. */
export const readRefsOf = async (
  tx: ReadTx,
  { readRefs, workspaceId = '', checkout }: SandboxPlan,
): Promise<string[]> => {
  const workspace = readRefs === undefined ? await tx.table('workspaces').get(workspaceId) : undefined;
  const named = readRefs ?? (workspace === undefined ? [] : targetRefs(workspace));
  return [...named, ...checkout.map(({ from, branch }) => from ?? branchRef(branch))];
};
