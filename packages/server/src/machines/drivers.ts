/**
 * The configured drivers: opened at start-up, probed by actually starting something, chosen without ever lowering
 * isolation.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type Isolation, type Role } from '@berth/contract';
import {
  capabilitiesOf,
  type Driver,
  type DriverHost,
  type DriverPlugin,
  type Probe,
} from '@berth/plugin-api';
import { parsePluginConfig, type Registry } from '../config/plugin-config.ts';
import { explainNoSpace } from '../system/no-space.ts';
import { createDefaultDriver, type DefaultDriver } from './default-driver.ts';

/** Weakest first. */
const STRENGTH: readonly Isolation[] = ['none', 'process', 'container', 'gvisor', 'microvm'];
const PROBE_TIMEOUT_MS = 30_000;

export interface OpenDriver {
  readonly name: string;
  readonly isolation: Isolation;
  readonly driver: Driver;
  /** As in `DriverPlugin`. */
  readonly exposesHost: boolean;
}

export interface DriverFacts extends Probe {
  readonly name: string;
  readonly isolation: Isolation;
  readonly facets: string[];
  readonly isDefault: boolean;
}

export interface Drivers {
  readonly names: readonly string[];
  /** For sandboxes that name no driver, as far as is known now. */
  readonly defaultName: string;
  /** The same, determined if necessary, and why it was chosen. */
  findDefault(): Promise<DefaultDriver>;
  /** The parent of the drivers' folders. */
  readonly folder: string;
  /** Also returns a disabled one, whose machines must still be found and removed. Throws `driver.unknown`. */
  find(name: string): OpenDriver;
  /**
   * Whether somebody with this role may use a driver; if none is named, any of the defaults. Throws `auth.forbidden`,
   * `driver.disabled` or `driver.unknown`.
   */
  permit(name: string | undefined, role: Role): void;
  /**
   * Rejects with `driver.unknown`, `driver.disabled`, `driver.absent`, or `driver.unsupported` if weaker than
   * requested.
   */
  choose(wanted: {
    driver?: string | undefined;
    isolation?: Isolation | undefined;
  }): Promise<{ name: string; isolation: Isolation }>;
  /** Probes every driver by actually trying it. */
  describe(): Promise<DriverFacts[]>;
}

export interface DriversOptions {
  readonly registry: Registry<DriverPlugin>;
  readonly config: Readonly<Record<string, unknown>>;
  /** In the order in which they are tried for sandboxes that name none; empty: Berth decides. */
  readonly defaultDrivers: readonly string[];
  /** Drivers whose verdict is accepted although a command can forge it. */
  readonly trustedGateDrivers: readonly string[];
  /** The parent of the drivers' folders. */
  readonly folder: string;
  readonly host: Omit<DriverHost, 'folder'>;
}

/** Rejects with `config.invalid`, or `driver.unknown` if a named driver does not exist. */
export const openDrivers = async (options: DriversOptions): Promise<Drivers> => {
  const names = Object.keys(options.registry).sort();
  const opened = new Map<string, OpenDriver>();
  for (const name of names) opened.set(name, await openDriver(options, name));
  const probes = new Map<string, Promise<Probe>>();

  const find = (name: string): OpenDriver => {
    const found = opened.get(name);
    if (found === undefined) throw fail('driver.unknown', { driver: name, known: names });
    return found;
  };
  for (const name of [...options.defaultDrivers, ...options.trustedGateDrivers]) find(name);
  const isOn = (name: string): boolean =>
    !find(name).exposesHost || Object.hasOwn(options.config, name) || options.defaultDrivers.includes(name);
  const usable = (name: string): OpenDriver => {
    if (!isOn(name)) throw fail('driver.disabled', { driver: name });
    return find(name);
  };

  const probe = async (name: string): Promise<Probe> => {
    const known = probes.get(name) ?? find(name).driver.probe(AbortSignal.timeout(PROBE_TIMEOUT_MS));
    probes.set(name, known);
    const found = await known.catch((cause: unknown) => ({
      health: 'absent' as const,
      detail: String(cause),
    }));
    // A negative result is not cached: the operator may be installing what is missing.
    if (found.health === 'absent') probes.delete(name);
    return found;
  };

  const byDefault = createDefaultDriver(options.defaultDrivers, probe);
  return {
    names,
    get defaultName() {
      return byDefault.name;
    },
    findDefault: byDefault.find,
    folder: options.folder,
    find,
    permit: (wanted, role) => {
      // Which default it will be is known only when it is chosen, and may differ by then.
      for (const name of wanted === undefined ? byDefault.order : [wanted]) {
        if (find(name).exposesHost && role !== 'owner') throw fail('auth.forbidden', { needs: 'owner' });
        usable(name);
      }
    },
    choose: async (wanted) => {
      const { name, isolation } = usable(wanted.driver ?? (await byDefault.find()).name);
      if (wanted.isolation && STRENGTH.indexOf(isolation) < STRENGTH.indexOf(wanted.isolation)) {
        throw fail('driver.unsupported', { driver: name, facet: `isolation "${wanted.isolation}"` });
      }
      const { health, detail } = await probe(name);
      if (health === 'absent')
        throw explainNoSpace(fail('driver.absent', { driver: name, detail }), options.folder);
      return { name, isolation };
    },
    describe: async () => {
      probes.clear();
      byDefault.forget();
      const { name: defaultName } = await byDefault.find();
      const offered = [...opened.values()].filter(({ name }) => isOn(name));
      return Promise.all(
        offered.map(async ({ name, isolation, driver }) => {
          const { health, detail } = await probe(name);
          const isDefault = name === defaultName;
          return { name, isolation, health, detail, facets: capabilitiesOf(driver), isDefault };
        }),
      );
    },
  };
};

const openDriver = async (options: DriversOptions, name: string): Promise<OpenDriver> => {
  const { plugin, config } = await parsePluginConfig(options, 'drivers', name);
  const folder = join(options.folder, name);
  // Others may traverse it, but not list it: sandboxes run as users of their own.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const driver = plugin.open(config, { ...options.host, folder });
  return { name, isolation: plugin.isolation, driver, exposesHost: plugin.exposesHost === true };
};
