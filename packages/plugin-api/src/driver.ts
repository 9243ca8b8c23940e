/**
 * A driver makes machines and nothing else. What happens inside goes through the guest channel (`connect`).
 *
 * The life of a machine: `create` → `connect`, as often as needed → (`facets.pause`) → `destroy`. After a restart of
 * the server: `attach`, then `connect` again. Everything is keyed by the sandbox id, with which the driver labels
 * whatever it creates, together with the installation id, so that `destroy` and `list` never need what `create`
 * returned.
 *
 * MUST: `create` be idempotent per id, leave nothing behind when it rejects after `destroy(id)`, start the guest and
 *       resolve only when `connect` will succeed.
 * MUST: `attach` work for machines created by an earlier server process.
 * MUST: `destroy` succeed for an unknown id and for a half-created machine, and end every process inside.
 * MUST: `list` yield what this installation owns, including half-created or dead machines, and nothing else.
 * MUST: `inspect` answer from the current state of the system, not from records; never call a machine absent because
 *       what is known about it cannot be read; and not depend on other machines.
 * MUST: a dead machine keep its disk until `destroy`.
 * MUST NOT: give a weaker isolation than the driver states, or a network of any kind.
 * MUST NOT: follow a symbolic link or trust a name that can be chosen from inside a machine.
 */
import type { Duplex } from 'node:stream';
import type { Isolation, Limits } from '@berth/contract';
import { z } from 'zod';

export interface MachineSpec {
  readonly id: string;
  /** Disk snapshots to start from, lowest first; names that `facets.snapshots.take` returned. */
  readonly layers: readonly string[];
  /** Absolute path of an image archive of any supported kind; the host's own system folders when absent. */
  readonly image?: string | undefined;
  readonly limits: Limits;
  readonly env: Readonly<Record<string, string>>;
  /** Folders inside that precede the system's in the program path. */
  readonly path?: readonly string[] | undefined;
  /** Programs (agents) to mount inside, read-only. Sources are trusted: they come from the operator. */
  readonly tools: readonly ToolMount[];
}

export interface ToolMount {
  readonly source: string;
  /** Absolute inside, below /opt/berth. */
  readonly target: string;
}

/**
 * What a machine may be without: requested limits that could not be applied; `containment` without groups for
 * commands; `reserve` where contained commands can use up the guest's memory; `user` where programs run as the
 * server's user; and `verdict` where a command could kill, read or impersonate the guest, so that the guest's
 * reports about it are not trustworthy.
 */
export const Unenforced = z.object({
  kind: z.enum(['memory', 'cpu', 'pids', 'disk', 'sockets', 'containment', 'reserve', 'user', 'verdict']),
  /** For people. */
  reason: z.string().min(1),
});
export type Unenforced = Readonly<z.infer<typeof Unenforced>>;

export interface Machine {
  readonly id: string;
  /** `/workspace`, except with the host driver. */
  readonly root: string;
  readonly home: string;
  /** Base URL of the server as programs inside reach it. */
  readonly internalUrl: string;
  /** Where tools appear inside: maps a target of `MachineSpec.tools` to a path usable inside. */
  readonly toolPath: (target: string) => string;
  /** Empty when all hold. */
  readonly unenforced: readonly Unenforced[];
}

/** What a machine is at this moment. Reasons are for people; times are in milliseconds since the epoch. */
export type Liveness =
  /** Its guest runs and accepts connections. */
  | { readonly state: 'running'; readonly since?: number | undefined }
  /** `since`: when it died; where nobody noticed, when that was first seen. */
  | { readonly state: 'dead'; readonly reason: string; readonly since?: number | undefined }
  /** `create` has not finished, or never will. */
  | { readonly state: 'unfinished' }
  /** This installation has no such machine. */
  | { readonly state: 'absent' }
  /** It could not be inspected now. */
  | { readonly state: 'unknown'; readonly reason: string };

export interface Probe {
  readonly health: 'ready' | 'degraded' | 'absent';
  /** What was tried and found; when absent, which package to install. */
  readonly detail: string;
}

/** The part of a disk that becomes a layer. All paths are relative, and links are not followed. */
export interface KeptOfDisk {
  /** Folders of the root, excluding `.git` at any depth and the paths in `without`. */
  readonly root: readonly string[];
  /** Paths below the home folder. */
  readonly home: readonly string[];
  /** Paths below the root, each with its contents. */
  readonly without: readonly string[];
}

/** Disk snapshots: the writable part of a machine as a layer, named by its content. */
export interface Snapshots {
  /**
   * MUST give equal content the same name and be safe to repeat. The machine should be idle. Default: everything is
   * kept.
   */
  take(id: string, kept?: KeptOfDisk): Promise<{ readonly layer: string; readonly sizeBytes: number }>;
  list(): AsyncIterable<{ readonly layer: string; readonly sizeBytes: number }>;
  /** MUST succeed for an unknown layer. The caller makes sure that no machine uses it. */
  drop(layer: string): Promise<void>;
}

/** Limits are enforced, and their effects can be read. */
export interface LimitsFacet {
  usage(id: string): Promise<{
    readonly memoryBytes: number;
    readonly cpuSeconds: number;
    readonly processes: number;
    readonly outOfMemoryKills: number;
  }>;
  /** Only that part of `usage`, which is read around every command. */
  outOfMemoryKills(id: string): Promise<number>;
}

export interface Pause {
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
}

/**
 * Commands contained with everything they start, in groups that nothing inside can create, change or leave. A group
 * is identified by the machine and a text chosen by the caller, so that it is found again after a restart.
 */
export interface CommandGroups {
  /**
   * Puts a process into a group, creating the group when needed. The pid is the one inside, and is reported by the
   * inside: MUST reject, and change nothing, unless it is a process of this machine that is in no other group. MUST
   * succeed when it is in this one already. Its later children are in the group.
   */
  enter(id: string, group: string, insidePid: number): Promise<void>;
  /**
   * MUST kill all processes in the group, none outside, and remove the group; and succeed for an unknown group or
   * machine.
   */
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
  /** The only authority on whether a machine lives. Never rejects: what cannot be inspected is `unknown`. */
  inspect(id: string): Promise<Liveness>;
  destroy(id: string): Promise<void>;
  list(): AsyncIterable<{ readonly id: string }>;
  /**
   * The server is shutting down. Resolves when the driver's own helpers have stopped; machines keep running. It may
   * be used again.
   */
  close?(): Promise<void>;
  /** Present = promised: the conformance suite tests every facet that is present, so none is claimed untested. */
  readonly facets: Partial<DriverFacets>;
}

/** What the server passes to a driver on opening. */
export interface DriverHost {
  /** Id of this installation: the label that distinguishes its machines from others'. */
  readonly installation: string;
  /** A private folder of this driver, absolute, created by the server. */
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
  /** Folder with the terminal module `node-pty` and its prebuilt binary; absent where unavailable. */
  readonly pty?: string | undefined;
}

export interface DriverPlugin<C extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly isolation: Isolation;
  /**
   * Programs inside run on this machine without isolation: disabled unless the configuration names it, and for owners
   * only.
   */
  readonly exposesHost?: true;
  readonly config: C;
  open(config: z.infer<C>, host: DriverHost): Driver;
}

export const defineDriver = <C extends z.ZodType>(plugin: DriverPlugin<C>): DriverPlugin<C> => plugin;

export const capabilitiesOf = (driver: Driver): (keyof DriverFacets)[] =>
  (Object.keys(driver.facets) as (keyof DriverFacets)[])
    .filter((name) => driver.facets[name] !== undefined)
    .sort();
