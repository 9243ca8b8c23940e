/** What the driver says of a machine that lacks a program it needs, found out where that program is hidden. */
import { execFile } from 'node:child_process';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import type { Probe } from '@berth/plugin-api';
import { expect, it } from 'vitest';
import { identify } from '../../../src/drivers/oci/identity.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const TIMEOUT_MS = 60_000;

const { rootless, asOwner } = identify(0);
const surround = [...(rootless ? asOwner : ['unshare']), '--mount', '--propagation', 'private', '--'];
/** $1: the program to hide; what follows is run. */
const HIDE = 'mount --bind /dev/null "$(readlink -f "$(command -v "$1")")" && shift && exec "$@"';

const PROBE = `
const [folder] = process.argv.slice(1);
const { default: plugin } = await import(${JSON.stringify(new URL('../../../src/drivers/oci/index.ts', import.meta.url).href)});
const host = { installation: 'of the test', folder, guest: { node: process.execPath, bundle: '' }, log: () => undefined };
const driver = plugin.open(plugin.config.parse({}), host);
console.log(JSON.stringify(await driver.probe(AbortSignal.timeout(30_000))));
await driver.close?.();
process.exit();`;

const probeWithout = async (program: string): Promise<Probe> => {
  await using host = await driverHost();
  const node = [execPath, '--input-type=module', '--eval', PROBE, '--', host.folder];
  const [file = '', ...args] = [...surround, '/bin/sh', '-c', HIDE, 'hide', program, ...node];
  const { stdout } = await promisify(execFile)(file, args);
  return JSON.parse(stdout);
};

it('without `find` no sandbox can be made, and the probe says so', { timeout: TIMEOUT_MS }, async () => {
  const detail = expect.stringContaining('could not be measured with find and awk');
  expect(await probeWithout('find')).toEqual({ health: 'absent', detail });
});

it('without a program that it does not need it is there', { timeout: TIMEOUT_MS }, async () => {
  expect((await probeWithout('factor')).health).not.toBe('absent');
});
