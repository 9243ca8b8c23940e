/** A server that is killed while it creates a sandbox. Arguments: folder, guest, id. */
import { execPath } from 'node:process';
import plugin from '../src/drivers/oci/index.ts';

const [, , folder = '', bundle = '', id = ''] = process.argv;
const driver = plugin.open(plugin.config.parse({}), {
  installation: `installation of ${folder}`,
  folder,
  guest: { node: execPath, bundle },
  log: () => undefined,
});
await driver.probe(AbortSignal.timeout(60_000));
process.send?.('creating');
await driver.create({ id, layers: [], limits: {}, env: {}, tools: [] }, AbortSignal.timeout(60_000));
process.send?.('created');
// The IPC channel to the parent keeps this alive until it is killed.
process.on('message', () => undefined);
