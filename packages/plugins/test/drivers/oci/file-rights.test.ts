/** What is asked of the guest by a path is done with the rights of commands, whatever a command puts in the way. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GuestClient, guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import { driverHost } from '../../../testing/driver-host.ts';

const ID = 'sb_links';
/** Written by the guest for itself, at its start. */
const OWN = '/run/berth/state/ready.json';
const TRIES = 100;
const stack = new AsyncDisposableStack();
let guest: GuestClient;
let ownOnHost: () => Promise<string>;

beforeAll(async () => {
  const host = stack.use(await driverHost());
  const driver = openOci(plugin.config.parse({}), host);
  stack.defer(() => driver.destroy(ID));
  await driver.create({ id: ID, layers: [], limits: {}, env: {}, tools: [] }, AbortSignal.timeout(60_000));
  guest = stack.use(await guestClient(await driver.connect(ID)));
  ownOnHost = () => readFile(join(host.folder, 'sandboxes', ID, 'run/state/ready.json'), 'utf8');
}, 60_000);
afterAll(() => stack.disposeAsync());

it('a link leads neither a read nor a write to what is the guest’s own', async () => {
  const before = await ownOnHost();
  await guest.run(['sh', '-c', `ln -s ${OWN} /workspace/file; ln -s /run/berth/state /workspace/folder`]);
  for (const path of [
    OWN,
    '/workspace/file',
    '/workspace/folder/ready.json',
    '/proc/self/environ',
    '/proc/self/mem',
  ])
    expect(await guest.read(path), path).toBeUndefined();
  for (const path of [OWN, '/workspace/folder/ready.json', '/workspace/folder/new'])
    await expect(guest.write(path, 'planted'), path).rejects.toThrow();
  expect(await ownOnHost()).toBe(before);
});

it('nor does one that takes the place of a folder in the middle of it', { timeout: 60_000 }, async () => {
  const before = await ownOnHost();
  const swap = `
mkdir -p /workspace/real; echo mine > /workspace/real/ready.json
while [ ! -e /workspace/stop ]; do
  ln -sfn /workspace/real /workspace/place; ln -sfn /run/berth/state /workspace/place
done`;
  await guest.write('/workspace/swap', swap);
  const swapping = guest.run(['sh', '/workspace/swap'], 60_000);
  await expect.poll(() => guest.read('/workspace/place/ready.json'), { timeout: 20_000 }).toBeDefined();
  const seen = new Set<string | undefined>();
  for (let tried = 0; tried < TRIES; tried += 1) {
    seen.add(await guest.read('/workspace/place/ready.json'));
    await guest.write('/workspace/place/ready.json', 'mine\n').catch(() => undefined);
  }
  await guest.write('/workspace/stop', '');
  await swapping;
  expect([...seen].filter((text) => text !== undefined && text !== 'mine\n')).toEqual([]);
  expect(seen.size).toBe(2);
  expect(await ownOnHost()).toBe(before);
});

it('files and folders that are made belong to commands, and theirs alone can be closed to others', async () => {
  await guest.write('/workspace/new/folder/file', 'x');
  const made = await guest.run([
    'sh',
    '-c',
    'cd /workspace; stat -c "%U %G" . new new/folder new/folder/file',
  ]);
  expect(new Set(made.stdout.trim().split('\n'))).toEqual(new Set(['agent agent']));
  await guest.run(['sh', '-c', 'mkdir -m 700 /workspace/closed; cp /bin/true /workspace/closed/program']);
  await guest.write('/workspace/closed/file', 'written');
  expect(await guest.read('/workspace/closed/file')).toBe('written');
  const held = await guest.hold(['/workspace/closed/program']);
  await held.release();
});
