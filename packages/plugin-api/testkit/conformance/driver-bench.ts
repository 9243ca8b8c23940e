/** Fixtures of a case: a driver on a fresh folder, machines that are always removed, and clients to them. */
import type { Driver, DriverHost, Machine, MachineSpec } from '../../src/driver.ts';
import { type GuestClient, guestClient } from './guest-client.ts';

export type KillMachine = (host: DriverHost, id: string, which: 'guest' | 'all') => Promise<void>;

export interface Bench {
  readonly host: DriverHost;
  readonly driver: Driver;
  /** As after a server restart: the same folder, no memory. */
  reopen(other?: Partial<DriverHost>): Driver;
  create(spec?: Partial<MachineSpec>): Promise<Machine>;
  /** From outside, bypassing the driver. */
  kill(id: string, which: 'guest' | 'all'): Promise<void>;
  /** Closed when the case ends. */
  client(id: string, driver?: Driver): Promise<GuestClient>;
}

export interface Opened {
  readonly host: DriverHost & AsyncDisposable;
  readonly open: (other?: Partial<DriverHost>) => Driver;
  readonly kill: KillMachine;
}

let machines = 0;

/** A valid id that no other machine has. */
export const freshId = (): string => `sb_${process.pid}_${++machines}`;

export const specOf = (spec: Partial<MachineSpec> = {}): MachineSpec => ({
  id: freshId(),
  layers: [],
  limits: {},
  env: {},
  tools: [],
  ...spec,
});

export const withBench = async (
  start: () => Promise<Opened>,
  check: (bench: Bench) => Promise<void>,
): Promise<void> => {
  const { host, open, kill } = await start();
  await using stack = new AsyncDisposableStack();
  stack.use(host);
  const driver = open();
  stack.defer(async () => {
    for await (const { id } of driver.list()) await driver.destroy(id);
  });
  await check({
    host,
    driver,
    reopen: open,
    kill: (id, which) => kill(host, id, which),
    create: (spec) => driver.create(specOf(spec), AbortSignal.timeout(60_000)),
    client: async (id, from = driver) => stack.use(await guestClient(await from.connect(id))),
  });
};
