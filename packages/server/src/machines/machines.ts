/**
 * Machines on all drivers, and the connections into them. One client per running sandbox, created on first use and
 * kept until the machine is removed: while it exists, the sandbox's uplink is open.
 */
import { fail } from '@berth/contract';
import type { Machines } from '@berth/core';
import type { CommandGroups } from '@berth/plugin-api';
import type { UplinkHandler } from '../guest/channel/uplink.ts';
import type { Containment } from '../guest/exec/process-address.ts';
import { createSandboxClient, type SandboxClient } from '../guest/sandbox-client.ts';
import { explainingNoSpace, explainNoSpace } from '../system/no-space.ts';
import { createClients } from './clients.ts';
import { createContents } from './contents.ts';
import { counted } from './counted.ts';
import type { Drivers } from './drivers.ts';
import type { Provisions } from './provisions.ts';

const containmentOf = (groups: CommandGroups, id: string): Containment => ({
  enter: (execId, insidePid) => groups.enter(id, execId, insidePid),
  end: (execId) => groups.end(id, execId),
});

export interface MachinesOptions {
  readonly drivers: Drivers;
  readonly provisions: Provisions;
  readonly uplink: UplinkHandler;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export interface ServerMachines extends Machines {
  /** Like `open`, plus what only the server may use: terminals and ports. */
  open(driver: string, id: string): Promise<SandboxClient>;
  /** Where one of our tools is mounted inside a sandbox. */
  toolPath(driver: string, id: string): Promise<(target: string) => string>;
  /** Closes the server's connections and the drivers' own resources; what runs inside keeps running. */
  close(): Promise<void>;
}

export const createMachines = ({ drivers, provisions, uplink, log }: MachinesOptions): ServerMachines => {
  const attach = async (name: string, id: string) => {
    const machine = await drivers.find(name).driver.attach(id);
    if (machine === undefined) throw fail('sandbox.unreachable', { id, detail: 'its machine is not there' });
    return machine;
  };

  const connect = async (name: string, id: string): Promise<SandboxClient> => {
    const { driver } = drivers.find(name);
    const { root, home, internalUrl } = await attach(name, id);
    const { limits, groups } = driver.facets;
    const client = createSandboxClient({
      ...{ id, root, home, internalUrl, uplink, log },
      connect: () => driver.connect(id),
      groups: groups === undefined ? undefined : containmentOf(groups, id),
    });
    if (limits === undefined) return client;
    return counted(client, {
      usage: () => limits.usage(id),
      outOfMemoryKills: () => limits.outOfMemoryKills(id),
    });
  };

  const clients = createClients(connect);
  const contents = createContents(provisions);

  return {
    names: drivers.names,
    choose: drivers.choose,
    create: async (name, spec, signal) => {
      const { driver, isolation } = drivers.find(name);
      try {
        return await driver.create(provisions.added(spec, isolation), signal);
      } catch (error) {
        throw explainNoSpace(error, drivers.folder);
      }
    },
    identify: (name, image) =>
      contents.identify({ driver: name, isolation: drivers.find(name).isolation, image }),
    destroy: (name, id) => clients.without(id, () => drivers.find(name).driver.destroy(id)),
    hangUp: clients.hangUp,
    inspect: (name, id) =>
      drivers
        .find(name)
        .driver.inspect(id)
        .catch((error: unknown) => ({ state: 'unknown', reason: String(error) })),
    list: (name) => drivers.find(name).driver.list(),
    facets: (name) => {
      const { facets } = drivers.find(name).driver;
      const { snapshots } = facets;
      if (snapshots === undefined) return facets;
      const { take } = explainingNoSpace({ take: snapshots.take.bind(snapshots) }, drivers.folder);
      return { ...facets, snapshots: { ...snapshots, take } };
    },
    open: clients.open,
    toolPath: async (name, id) => (await attach(name, id)).toolPath,
    close: async () => {
      await clients.close();
      await Promise.all(drivers.names.map((name) => drivers.find(name).driver.close?.()));
    },
  };
};
