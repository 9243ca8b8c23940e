/**
 * What is special about one kind of ACP agent: where its program is, how it is told which model to ask and to stay
 * off the network otherwise, and how it reports errors. Facts, measured with the version named in each profile.
 */
import type { ModelAccess } from '@berth/plugin-api';

export interface AcpProfile {
  readonly name: string;
  /** The npm package to install, with the version that was tried. */
  readonly package: string;
  readonly programs: readonly Program[];
  /** The wire formats that it can speak with its model. */
  readonly wires: readonly ModelAccess['wire'][];
  readonly memoryBytes: number;
  readonly launch: (world: LaunchWorld) => Launch;
  readonly mode?: string;
  /**
   * Tells from the parameters of a `session/update` that the turn has failed, for an agent whose turn then ends as if all
   * were well. What the agent says next is the reason.
   */
  readonly isFailure?: (params: unknown) => boolean;
}

/** A file of an installed package; the first that is there and can run on this machine is used. */
export type Program =
  | { readonly kind: 'binary'; readonly file: string; readonly machine: string; readonly needsAvx2?: boolean }
  /** Runs on this program's own Node, with the packages installed beside it. */
  | { readonly kind: 'script'; readonly file: string };

export interface LaunchWorld {
  readonly model: ModelAccess;
  readonly home: string;
  readonly cwd: string;
}

export interface Launch {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path → content. The model token is never among them: it stays in the environment. */
  readonly files: Readonly<Record<string, string>>;
}

export const MIB = 2 ** 20;

/** The variable that holds the model token for agents that can read their key from one of our choosing. */
export const TOKEN_VARIABLE = 'BERTH_MODEL_TOKEN';

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
