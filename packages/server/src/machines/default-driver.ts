/**
 * Which driver creates the sandboxes that name none: the first that works, in the configured order. It is determined
 * on first use and by the doctor, and kept in between, so that sandboxes do not switch drivers from one to the next.
 */
import type { Probe } from '@berth/plugin-api';

export interface DefaultDriver {
  readonly name: string;
  /** For people. */
  readonly reason: string;
}

/** Used if the configuration names no default. `host` and `memory` are used only by name. */
const UNNAMED: Order = ['oci'];

type Order = readonly [string, ...string[]];

export interface DefaultDriverChoice {
  readonly order: Order;
  /** The one that was chosen; before anything was tried, the first in order. */
  readonly name: string;
  find(): Promise<DefaultDriver>;
  /** Forget the choice: it may no longer hold. */
  forget(): void;
}

export const createDefaultDriver = (
  [first, ...others]: readonly string[],
  probe: (name: string) => Promise<Probe>,
): DefaultDriverChoice => {
  const order: Order = first === undefined ? UNNAMED : [first, ...others];
  let name = order[0];
  let found: Promise<DefaultDriver | undefined> | undefined;
  const why: string[] = [];
  const look = async (): Promise<DefaultDriver | undefined> => {
    why.length = 0;
    for (const one of order) {
      const { health, detail } = await probe(one);
      if (health === 'absent') {
        why.push(`${one}: ${detail}`);
        continue;
      }
      name = one;
      return { name, reason: [`the first of ${order.join(', ')} that works`, ...why].join('; ') };
    }
    name = order[0];
    return undefined;
  };
  return {
    order,
    get name() {
      return name;
    },
    forget: () => {
      found = undefined;
    },
    async find() {
      if (first === undefined) return { name, reason: 'the configuration names no other' };
      if (others.length === 0) return { name, reason: 'the configuration names it' };
      found ??= look();
      const working = await found;
      if (working !== undefined) return working;
      // The operator may be installing what is missing.
      found = undefined;
      return { name, reason: [`none of ${order.join(', ')} works`, ...why].join('; ') };
    },
  };
};
