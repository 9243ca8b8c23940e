/** What a set-up runs: planned from a workspace (`workspace/`), carried by a sandbox's plan (`sandbox/`), run in it. */
import type { EgressPolicy } from '@berth/contract';

/** A shell line that runs in the folder of a repository; in the first one of the workspace when none is named. */
export type SetupCommand = { readonly repository?: string | undefined; readonly run: string };

/** Types and not interfaces, because they are part of a saga's input, which is JSON. */
export type SetupPlan = {
  readonly commands: readonly SetupCommand[];
  readonly egress: EgressPolicy;
  readonly timeoutMs: number;
  /** What it leaves below the home folder that is kept beside the caches of packages. */
  readonly keep?: readonly string[] | undefined;
};
