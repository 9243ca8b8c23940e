/** Memory that is used up, by a machine and by a script of ours. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guestClient } from '@berth/plugin-api/conformance';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openOci } from '../../../src/drivers/oci/driver.ts';
import plugin from '../../../src/drivers/oci/index.ts';
import type { Ready } from '../../../src/drivers/oci/prerequisites.ts';
import { createPrerequisites } from '../../../src/drivers/oci/prerequisites.ts';
import { readRecord } from '../../../src/drivers/oci/record.ts';
import { driverHost } from '../../../testing/driver-host.ts';
import { killContainer } from '../../../testing/kill-machine.ts';

const MEBIBYTE = 2 ** 20;
const stack = new AsyncDisposableStack();
let host: Awaited<ReturnType<typeof driverHost>>;
let driver: ReturnType<typeof openOci>;

beforeAll(async () => {
  host = stack.use(await driverHost());
  driver = openOci(plugin.config.parse({}), host);
  stack.defer(() => driver.close?.());
});
afterAll(() => stack.disposeAsync());

const create = async (id: string): Promise<void> => {
  stack.defer(() => driver.destroy(id));
  const limits = { memoryBytes: 256 * MEBIBYTE, pids: 100, cpus: 1 };
  await driver.create({ id, layers: [], limits, env: {}, tools: [] }, AbortSignal.timeout(60_000));
};

/** Leaves the group of the guest no more memory than it has now. */
const takeMemory = async (pid: number): Promise<void> => {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const v1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(groups)?.[1];
  if (v1 === undefined) {
    const path = /^0::(.*)$/m.exec(groups)?.[1] ?? '';
    return writeFile(`/sys/fs/cgroup${path}/memory.max`, String(MEBIBYTE));
  }
  const folder = `/sys/fs/cgroup/memory${v1}`;
  const used = Number(await readFile(`${folder}/memory.usage_in_bytes`, 'utf8'));
  await writeFile(`${folder}/memory.limit_in_bytes`, String(used + 64 * 1024));
};

test('a machine that the kernel ends because its memory is used up is dead, and says of what', {
  timeout: 60_000,
}, async () => {
  await create('sb_starved');
  const record = await readRecord(join(host.folder, 'sandboxes', 'sb_starved'));
  const lifeOf = () => driver.inspect('sb_starved');
  expect(await lifeOf()).toMatchObject({ state: 'running' });
  const guest = stack.use(await guestClient(await driver.connect('sb_starved')));
  await takeMemory(record === 'damaged' ? 0 : (record?.process.pid ?? 0));
  await expect
    .poll(
      async () => {
        await guest.run(['true'], 1000).catch(() => undefined);
        return (await lifeOf()).state;
      },
      { timeout: 20_000, interval: 1 },
    )
    .toBe('dead');
  expect(await lifeOf()).toMatchObject({
    reason: expect.stringMatching(/the kernel killed \d+ of them because the sandbox ran out of memory/),
  });
});

test('a machine that is killed says nothing of memory, though its commands had been killed for it', {
  timeout: 60_000,
}, async () => {
  await create('sb_survived');
  const lifeOf = () => driver.inspect('sb_survived');
  const guest = stack.use(await guestClient(await driver.connect('sb_survived')));
  expect(await guest.run(['tail', '/dev/zero'])).toMatchObject({ exitCode: null });
  expect(await driver.facets.limits?.outOfMemoryKills('sb_survived')).toBeGreaterThan(0);
  expect(await lifeOf()).toMatchObject({ state: 'running' });
  await killContainer(host, 'sb_survived', 'all');
  await expect.poll(lifeOf).toMatchObject({ state: 'dead' });
  expect(await lifeOf()).toMatchObject({ state: 'dead', reason: 'its processes have exited' });
});

const failing = (ready: Ready, script: string) =>
  ready.runIsolated({ script, asOwner: false, timeoutMs: 30_000 });

test('a script of ours has its bounds in memory and processes, and ends in time', {
  timeout: 60_000,
}, async () => {
  const own = stack.use(await driverHost());
  const prerequisites = createPrerequisites({
    ...own,
    runtimes: ['crun', 'runc'],
    idBase: plugin.config.parse({}).idBase,
  });
  stack.defer(() => prerequisites.close());
  const ready = await prerequisites.ready();
  expect(await failing(ready, 'echo fine')).toMatchObject({ exitCode: 0, output: 'fine' });
  const hog = await failing(ready, 'head -c 1100M /dev/zero | tail | wc -c');
  expect(hog.output).not.toContain(String(1100 * MEBIBYTE));
  const many = await failing(ready, 'for n in $(seq 80); do sleep 2 & done; echo all');
  expect(many.output).not.toContain('all');
  const late = await ready.runIsolated({ script: 'sleep 60', asOwner: false, timeoutMs: 3000 });
  expect(late).toMatchObject({
    exitCode: 255,
    output: expect.stringContaining('did not finish within 3000 ms'),
  });
});
