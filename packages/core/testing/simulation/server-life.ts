/**
 * One life of the core: its view of the world, which can be cut off at any time. After its death no call returns and
 * no write takes effect, as with a killed process; the world continues.
 */
import { fail } from '@berth/contract';
import type { Clock, Store } from '../../src/kernel/index.ts';
import type { ExternalPorts } from '../../src/ports.ts';
import type { Dice } from './dice.ts';

export interface ServerLife {
  readonly store: Store;
  readonly clock: Clock;
  readonly ports: ExternalPorts;
  readonly isOver: () => boolean;
  /** Kills it now. */
  kill(): void;
  /** Kills it at random. */
  crashPoint(): void;
}

export interface Faults {
  /** Percentage of port calls that fail before or after their effect, or are delayed. */
  failing: number;
  /** Percentage of saga points at which the core dies. */
  deadly: number;
  /** Percentage of port calls at which a machine dies. */
  dying: number;
}

export interface Outside {
  readonly store: Store;
  readonly clock: Clock;
  readonly ports: ExternalPorts;
  readonly dice: Dice;
  readonly faults: Faults;
  /** Kills a machine. */
  killOne(): void;
}

class Dead extends Error {
  override readonly name = 'Dead';
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

export const startServerLife = ({ store, clock, ports, dice, faults, killOne }: Outside): ServerLife => {
  let over = false;

  const living = async <T>(act: () => Promise<T>): Promise<T> => {
    if (over) return never();
    try {
      const result = await act();
      return over ? never() : result;
    } catch (error) {
      if (over) return never();
      throw error;
    }
  };

  const call = async (name: string, act: () => Promise<unknown>): Promise<unknown> => {
    const failure = (): Error =>
      fail('driver.failed', { driver: 'scripted', act: name, detail: 'by the dice' });
    const isFaulty = dice.percent(faults.failing);
    const kind = isFaulty ? dice.below(3) : undefined;
    // Runs of seeds without it stay unchanged.
    if (faults.dying > 0 && dice.percent(faults.dying)) killOne();
    if (kind === 0) throw failure();
    if (kind === 1) await clock.sleep(dice.below(20_000));
    // Pending actions of a dead process are not performed.
    if (over) return never();
    const result = await act();
    if (kind === 2) throw failure();
    return result;
  };

  return {
    isOver: () => over,
    kill() {
      over = true;
    },
    crashPoint() {
      if (!over && !dice.percent(faults.deadly)) return;
      over = true;
      throw new Dead('the core was killed');
    },
    clock: { now: () => clock.now(), sleep: (ms, signal) => living(() => clock.sleep(ms, signal)) },
    store: {
      read: (look) => living(() => store.read(look)),
      write: (change) =>
        living(() =>
          store.write(async (tx) => {
            if (over) throw new Dead('the core was killed');
            return change(tx);
          }),
        ),
      notices: {
        subscribe: (listener) => store.notices.subscribe((notice) => (over ? undefined : listener(notice))),
      },
      check: () => living(() => store.check()),
      close: () => living(() => store.close()),
    },
    ports: {
      ...ports,
      machines: faulty(ports.machines, ['choose', 'create', 'destroy', 'open'], { living, call }),
      hub: faulty(ports.hub, ['resolve', 'swap', 'merge', 'compose', 'files', 'readFile', 'contains'], {
        living,
        call,
      }),
      checkouts: faulty(ports.checkouts, ['clone', 'settle', 'fetch', 'saveTurn'], { living, call }),
      agents: faulty(ports.agents, ['turn'], { living, call }),
    },
  };
};

interface Between {
  living<T>(act: () => Promise<T>): Promise<T>;
  call(name: string, act: () => Promise<unknown>): Promise<unknown>;
}

/** Wraps the named asynchronous calls of a port with the fault injection. */
const faulty = <T extends object>(port: T, names: readonly (keyof T & string)[], between: Between): T => {
  const entries = names.map((name) => [
    name,
    (...args: unknown[]) =>
      between.living(() =>
        // Every name in the lists above is an asynchronous method of its port.
        between.call(name, () => (port[name] as (...all: unknown[]) => Promise<unknown>)(...args)),
      ),
  ]);
  return { ...port, ...Object.fromEntries(entries) };
};
