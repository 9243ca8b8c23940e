/** A sandbox whose machine dies is never shown as running for long: not while the server runs, and not by the next one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Sandbox } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorld, type SystemWorld } from './server.ts';

const PROMISED = { timeout: 10_000, interval: 100 };

let world: SystemWorld;

beforeAll(async () => {
  world = await createWorld();
}, 120_000);
afterAll(() => world?.end(), 120_000);

/** The first process of its machine, with which the kernel ends all others. */
const kill = ({ id }: Sandbox): void => {
  const record = join(world.home, 'drivers/oci/sandboxes', id, 'machine.json');
  process.kill(JSON.parse(readFileSync(record, 'utf8')).process.pid, 'SIGKILL');
};

const stateOf = async ({ id }: Sandbox) => (await world.client.sandboxes.get({ id })).state;

test('a killed sandbox says so within ten seconds, with the reason, and stays dead over a restart', async () => {
  const { client } = world;
  const [killed, later, well] = [
    await client.sandboxes.create({}),
    await client.sandboxes.create({}),
    await client.sandboxes.create({}),
  ];
  kill(killed);
  await expect.poll(() => stateOf(killed), PROMISED).toBe('error');
  expect((await client.sandboxes.get({ id: killed.id })).error).toMatchObject({
    code: 'sandbox.died',
    message: expect.stringContaining('its processes have ended'),
  });
  expect([await stateOf(later), await stateOf(well)]).toEqual(['running', 'running']);
  await world.stop('SIGKILL');
  kill(later);
  await world.start();
  await expect.poll(() => stateOf(later), PROMISED).toBe('error');
  expect([await stateOf(killed), await stateOf(well)]).toEqual(['error', 'running']);
  await world.client.sandboxes.remove({ id: killed.id });
  await expect.poll(() => stateOf(killed), PROMISED).toBe('destroyed');
}, 120_000);
