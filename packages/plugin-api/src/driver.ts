/**
 * A driver makes machines and nothing else. What happens inside goes through the guest channel (`connect`).
 *
 * The life of a machine: `create` → `connect`, as often as needed → (`facets.pause`) → `destroy`. After a restart of
 * the server: `attach`, then `connect` again. Everything is keyed by our id, which the driver writes on whatever it
 * makes, together with the installation's id, so that `destroy` and `list` never need what `create` returned.
 *
 * MUST: `create` be idempotent per id, leave nothing behind when it rejects after `destroy(id)`, start the guest and
 *       resolve only when `connect` will succeed.
 * MUST: `attach` answer for machines that an earlier process of ours created.
 * MUST: `destroy` succeed for an unknown id and for a half-made machine, and end every process inside.
 * MUST: `list` yield what this installation owns, also half-made or dead, and nothing else; say of each whether it
 *       lives, from what the system says now and not from what was written down; and go on when it cannot look at one.
 * MUST: a dead machine keep its disk until `destroy`.
 * MUST NOT: give a weaker isolation than the driver states, or a network of any kind.
 * MUST NOT: follow a symbolic link or trust a name that the inside of a machine can choose.
 */
import type { Duplex } from 'node:stream';
import type { Isolation, Limits } from '@berth/contract';
import type { z } from 'zod';

export interface MachineSpec {
  readonly id: string;
  /** Disk snapshots to start from, lowest first; names that `facets.snapshots.take` returned. */
  readonly layers: readonly string[];
  /** Absolute path of an image archive, of whatever kind; the host's own system folders when absent. */
  readonly image?: string | undefined;
  readonly limits: Limits;
  readonly env: Readonly<Record<string, string>>;
  /** Folders inside that programs are looked for in before the system's. */
  readonly path?: readonly string[] | undefined;
  /** Programs of ours (agents) to show inside, read-only. Sources are trusted: they come from the operator. */
  readonly tools: readonly ToolMount[];
}

export interface ToolMount {
  readonly source: string;
  /** Absolute inside, below /opt/berth. */
  readonly target: string;
}

export interface Machine {
  readonly id: string;
  /** `/workspace`, except with the host driver. */
  readonly root: string;
  readonly home: string;
  /** Base URL of the server as programs inside reach it. */
  readonly internalUrl: string;
  /** Where tools appear inside: maps a target of `MachineSpec.tools` to a path a program inside can use. */
  readonly toolPath: (target: string) => string;
  /**
   * Limits asked for that could not be applied, `containment` without groups for commands, `reserve` where contained
   * commands can take the memory that the guest lives on, and `verdict` where a command could end, read or imitate the
   * guest, so that nothing the guest says of it is sure; each with the reason. Empty when all hold.
   */
  readonly unenforced: readonly string[];
}

/** Whether a machine lives: its guest runs and can be connected to. Reasons are for people. */
export type Liveness =
  | { readonly state: 'alive' }
  | { readonly state: 'dead'; readonly reason: string }
  /** `create` has not come to its end, or never will. */
  | { readonly state: 'unfinished' }
  /** It could not be looked at now. */
  | { readonly state: 'unknown'; readonly reason: string };

export interface ListedMachine {
  readonly id: string;
  readonly life: Liveness;
}

export interface Probe {
  readonly health: 'ready' | 'degraded' | 'absent';
  /** What was tried and found; when absent, which package to install. */
  readonly detail: string;
}

/** What of a disk becomes a layer. All paths are relative, and nothing of them is a link that is followed. */
export interface KeptOfDisk {
  /** Folders of the root, without anything of git's (`.git` at any depth), and without the paths of `without`. */
  readonly root: readonly string[];
  /** Paths below the home folder. */
  readonly home: readonly string[];
  /** Paths below the root, each with all that is in it. */
  readonly without: readonly string[];
}

/** Disk snapshots: the writable part of a machine as a layer, named by its content. */
export interface Snapshots {
  /** MUST name equal content equally and be safe to repeat. The machine should be quiet. All is kept when nothing is said. */
  take(id: string, kept?: KeptOfDisk): Promise<{ readonly layer: string; readonly sizeBytes: number }>;
  list(): AsyncIterable<{ readonly layer: string; readonly sizeBytes: number }>;
  /** MUST succeed for an unknown layer. The caller makes sure that no machine uses it. */
  drop(layer: string): Promise<void>;
}

/** Limits are really held, and what they did can be read. */
export interface LimitsFacet {
  usage(id: string): Promise<{
    readonly memoryBytes: number;
    readonly cpuSeconds: number;
    readonly processes: number;
    readonly outOfMemoryKills: number;
  }>;
  /** That of `usage` alone, which is asked for around every command. */
  outOfMemoryKills(id: string): Promise<number>;
}

export interface Pause {
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
}

/**
 * Commands kept together with everything they start, in groups that nothing inside can make, change or leave. A group
 * is known by the machine and any text that the caller chose, so that it is found again after a restart.
 */
export interface CommandGroups {
  /**
   * Puts a process into a group, which is made when it is not there. The number is the one that the process has
   * inside, and the inside says which: MUST reject, and change nothing, unless it is a process of this machine that is
   * in no other group. MUST succeed when it is in this one already. What it starts from then on is in the group.
   */
  enter(id: string, group: string, insidePid: number): Promise<void>;
  /** MUST end all in the group, none outside, and forget the group; and succeed for an unknown group or machine. */
  end(id: string, group: string): Promise<void>;
}

export interface DriverFacets {
  readonly snapshots: Snapshots;
  readonly limits: LimitsFacet;
  readonly pause: Pause;
  readonly groups: CommandGroups;
}

export interface Driver {
  probe(signal: AbortSignal): Promise<Probe>;
  create(spec: MachineSpec, signal: AbortSignal): Promise<Machine>;
  /** A new connection to the guest. Rejects with `sandbox.unreachable` when there is no such machine or it is dead. */
  connect(id: string): Promise<Duplex>;
  attach(id: string): Promise<Machine | undefined>;
  destroy(id: string): Promise<void>;
  list(): AsyncIterable<ListedMachine>;
  /**
   * The server ends. Resolves when nothing runs any more that the driver keeps for itself; machines go on. It may be
   * used again.
   */
  close?(): Promise<void>;
  /** Present = promised: the conformance suite tests what is here, and nothing can be claimed untested. */
  readonly facets: Partial<DriverFacets>;
}

/** What the server gives to a driver when it opens it. */
export interface DriverHost {
  /** Id of this installation: the label that tells our machines from others'. */
  readonly installation: string;
  /** A folder for this driver alone, absolute, made by the server. */
  readonly folder: string;
  readonly guest: GuestProgram;
  /** For reports that an operator should see; never for control flow. */
  readonly log: (
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    facts?: Record<string, unknown>,
  ) => void;
}

export interface GuestProgram {
  /** The Node binary that runs the guest: the server's own. */
  readonly node: string;
  /** The bundled guest, one file. */
  readonly bundle: string;
  /** Folder that holds the terminal module `node-pty` and its prebuilt binary side by side; absent where unavailable. */
  readonly pty?: string | undefined;
}

export interface DriverPlugin<C extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly isolation: Isolation;
  /** Programs inside meet this machine without a wall: off unless the configuration names it, and for owners alone. */
  readonly exposesHost?: true;
  readonly config: C;
  open(config: z.infer<C>, host: DriverHost): Driver;
}

export const defineDriver = <C extends z.ZodType>(plugin: DriverPlugin<C>): DriverPlugin<C> => plugin;

export const capabilitiesOf = (driver: Driver): (keyof DriverFacets)[] =>
  (Object.keys(driver.facets) as (keyof DriverFacets)[])
    .filter((name) => driver.facets[name] !== undefined)
    .sort();
