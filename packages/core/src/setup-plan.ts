/**
 * What a set-up runs: planned from a workspace (`workspace/`), carried by a sandbox's plan (`sandbox/`), and
 * run in the sandbox.
 */
import type { EgressPolicy } from '@berth/contract';

/** A shell line that runs in the folder of a repository; by default, in the workspace's first one. */
export type SetupCommand = { readonly repository?: string | undefined; readonly run: string };

/** Types rather than interfaces, because they are part of a saga's input, which must be JSON. */
export type SetupPlan = {
  readonly commands: readonly SetupCommand[];
  readonly egress: EgressPolicy;
  readonly timeoutMs: number;
  /** Paths below the home folder that are kept in addition to the package caches. */
  readonly keep?: readonly string[] | undefined;
};
