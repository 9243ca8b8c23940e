/**
 * Only the driver and the guest channel, in this process: the cost of a sandbox without records, authorisation and
 * HTTP.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver } from '@berth/plugin-api';
import { drivers } from '@berth/plugins/drivers';
import { findGuestProgram } from '../../packages/server/src/guest/program.ts';
import { createSandboxClient, type SandboxClient } from '../../packages/server/src/guest/sandbox-client.ts';
import type { Contender } from './contest.ts';

export interface OpenDriver extends AsyncDisposable {
  readonly driver: Driver;
  /** The driver's own folder. */
  readonly folder: string;
  /** Sandboxes that start from these layers. */
  contender(name: string, layers: readonly string[]): Contender;
  client(id: string): SandboxClient;
}

export const openOciDriver = async (): Promise<OpenDriver> => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-driver-'));
  chmodSync(folder, 0o711);
  const { default: oci } = await drivers.oci();
  const driver = oci.open(oci.config.parse({}), {
    ...{ installation: randomUUID(), folder, guest: findGuestProgram(), log: () => undefined },
  });
  const clients = new Map<string, SandboxClient>();
  const client = (id: string): SandboxClient => {
    const open = clients.get(id);
    if (open === undefined) throw new Error(`${id} is not running`);
    return open;
  };
  const exec = async (id: string): Promise<void> => {
    const { exitCode } = await client(id).run({ id: randomUUID(), argv: ['/bin/true'] });
    if (exitCode !== 0) throw new Error(`/bin/true ended with ${exitCode}`);
  };
  const contender = (name: string, layers: readonly string[]): Contender => ({
    name,
    exec,
    start: async () => {
      const id = `sb-${randomUUID()}`;
      const spec = { id, layers, limits: {}, env: {}, tools: [] };
      const machine = await driver.create(spec, new AbortController().signal);
      clients.set(id, createSandboxClient({ ...machine, connect: () => driver.connect(id) }));
      await exec(id);
      return id;
    },
    remove: async (id) => {
      clients.get(id)?.close();
      clients.delete(id);
      await driver.destroy(id);
    },
    [Symbol.asyncDispose]: async () => undefined,
  });
  return {
    ...{ driver, folder, client, contender },
    [Symbol.asyncDispose]: async () => {
      for await (const { id } of driver.list()) await contender('', []).remove(id);
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
