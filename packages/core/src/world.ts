/**
 * All that workflows, reconcilers and verbs are given: the kernel's parts and the ports. One object, made once in
 * `core.ts`, so that a simulation can replace every part of the world and nothing reaches past it.
 */
import type { Precedence } from './change/index.ts';
import type { Clock, Ids, Leases, Log, Queue, Sagas, Store, Troubles } from './kernel/index.ts';
import type { Agents, Checkouts, Defaults, Grants, Hub, Machines, Retention } from './ports.ts';
import type { Places } from './sandbox/index.ts';

export interface Ports {
  readonly machines: Machines;
  readonly hub: Hub;
  readonly checkouts: Checkouts;
  readonly grants: Grants;
  readonly agents: Agents;
  readonly defaults: Defaults;
  readonly retention: Retention;
}

export interface World extends Ports {
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
  readonly sagas: Sagas<World>;
}
