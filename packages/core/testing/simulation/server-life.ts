/**
 * A life of the core: what it sees of the world, which can be cut off at any moment. After its death nothing it asks
 * is answered and nothing it writes is written, as with a process that was killed; the world goes on.
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
  /** Ends it now. */
  kill(): void;
  /** Ends it when the dice say so. */
  crashPoint(): void;
}

export interface Faults {
  /** Of a hundred calls to a port, so many fail before or after their effect, or come late. */
  failing: number;
  /** Of a hundred moments of a saga, at so many the core dies. */
  deadly: number;
  /** Of a hundred calls to a port, at so many a machine dies. */
  dying: number;
}

export interface Outside {
  readonly store: Store;
  readonly clock: Clock;
  readonly ports: ExternalPorts;
  readonly dice: Dice;
  readonly faults: Faults;
  /** Ends a machine. */
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
    // The stories of seeds without it stay as they were.
    if (faults.dying > 0 && dice.percent(faults.dying)) killOne();
    if (kind === 0) throw failure();
    if (kind === 1) await clock.sleep(dice.below(20_000));
    // What a process was still about to do when it died is not done.
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

/** The same port with its named calls, all of which answer by promise, going through life and dice. */
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
