/**
 * What an agent or a gate command leaves behind, on the real driver: a daemon that has cleared its environment, changed
 * its session and lost its parent ends with the command all the same, while the sandbox and what else runs in it go on.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentWorld, DriverPlugin, Sandbox } from '@berth/plugin-api';
import { guestClient } from '@berth/plugin-api/conformance';
import { agents } from '@berth/plugins/agents';
import { drivers as registry } from '@berth/plugins/drivers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Registry } from '../../src/config/plugin-config.ts';
import { findGuestProgram } from '../../src/guest/program.ts';
import { type Drivers, openDrivers } from '../../src/machines/drivers.ts';
import { createMachines, type ServerMachines } from '../../src/machines/machines.ts';
import { makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { COMPLETED, conversationOf, endOf, eventAfter, followTask, runTask } from './tasks.ts';

/** Sleeps for this long, so that it is found by its arguments. */
const daemon = (seconds: number): string => `(env -i setsid sleep ${seconds} <&- >&- 2>&- &)`;
/** How many of these there are, as a command. */
const counting = (seconds: number): string => {
  const isOne = `[ "$(tr "\\0" " " < $p/cmdline 2>/dev/null)" = "sleep ${seconds} " ]`;
  return `n=0; for p in /proc/[0-9]*; do if ${isOne}; then n=$((n+1)); fi; done; echo $n`;
};

describe('a task', () => {
  let world: SystemWorld;
  beforeAll(async () => {
    world = await createWorld();
  }, 120_000);
  afterAll(() => world?.end(), 120_000);

  const workspaceWith = async (...commands: readonly string[]) => {
    const source = makeRepository(world.folder, `work${commands.length}`, { 'a.txt': 'a\n' });
    return world.client.workspaces.create({
      repositories: [{ source }],
      gate: {
        commands: commands.map((run, index) => ({
          run,
          name: `gate-${index}`,
          needs: index === 0 ? [] : [`gate-${index - 1}`],
        })),
      },
    });
  };
  const count = async (id: string, seconds: number): Promise<number> =>
    Number((await world.client.sandboxes.exec({ id, shell: counting(seconds) })).stdout);

  test('ends what its agent left when the turn ends, also after a restart, and keeps the rest', async () => {
    const { id: workspaceId } = await workspaceWith('true');
    const { lastSeq } = await world.client.system.stats();
    const { id: taskId } = await world.client.tasks.create({
      workspaceId,
      agent: 'command',
      keepAliveMs: 600_000,
      prompt: `${daemon(31_001)}; echo work > b.txt; echo I "wait."; until [ -e /tmp/go ]; do sleep 0.1; done`,
    });
    await eventAfter(
      world.client,
      lastSeq,
      ({ type, data }) => type.startsWith('item.') && JSON.stringify(data).includes('I wait.'),
    );
    const { attempt } = await conversationOf(world.client, taskId);
    const id = attempt.sandboxId ?? '';
    await world.client.sandboxes.exec({ id, shell: 'exec sleep 31002', background: true });
    expect(await count(id, 31_001)).toBe(1);
    await world.stop('SIGKILL');
    await world.start();
    const go = { id, path: '/tmp/go', bytes: new Uint8Array() };
    await until('the sandbox is reached again', () =>
      world.client.sandboxes.writeFile(go).then(
        () => true,
        () => false,
      ),
    );
    const { task } = await followTask(world.client, taskId, lastSeq);
    expect(endOf(task)).toEqual(COMPLETED);
    expect((await world.client.sandboxes.get({ id })).state).toBe('running');
    expect([await count(id, 31_001), await count(id, 31_002)]).toEqual([0, 1]);
  }, 180_000);

  test('ends what a gate command left before the next one runs', async () => {
    const { id: workspaceId } = await workspaceWith(
      `${daemon(31_003)}; test "$(${counting(31_003)})" = 1`,
      `test "$(${counting(31_003)})" = 0`,
    );
    const prompt = 'echo work > c.txt';
    const { task } = await runTask(world.client, { workspaceId, agent: 'command', prompt });
    expect(endOf(task)).toEqual(COMPLETED);
  }, 180_000);
});

describe('a sandbox of the real driver', () => {
  const id = 'sb_contained';
  let folder: string;
  let drivers: Drivers;
  let machines: ServerMachines;
  let sandbox: Sandbox;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-containment-'));
    // Sandboxes run as separate users, who need to traverse this folder.
    chmodSync(folder, 0o711);
    drivers = await openDrivers({
      registry: registry as unknown as Registry<DriverPlugin>,
      config: {},
      defaultDrivers: ['oci'],
      trustedGateDrivers: [],
      folder,
      host: { installation: 'containment', guest: findGuestProgram(), log: () => undefined },
    });
    machines = createMachines({
      drivers,
      provisions: { added: (spec) => spec },
      uplink: { onRequest: () => undefined, onConnect: () => undefined },
      log: () => undefined,
    });
    const spec = { id, layers: [], limits: {}, env: {}, tools: [] };
    await machines.create('oci', spec, AbortSignal.timeout(60_000));
    sandbox = await machines.open('oci', id);
  }, 120_000);
  afterAll(async () => {
    await machines?.destroy('oci', id);
    await machines?.close();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test('loses at a cancelled turn all that it started, and nothing else', async () => {
    await cancelTurn(sandbox);
    expect([await countIn(sandbox, 31_004), await countIn(sandbox, 31_005)]).toEqual([0, 1]);
  }, 60_000);

  test.each(['held it', 'put it into its group', 'let it begin'])(
    'ends all of a command, also when the server that started it died after it %s',
    async (moment) => {
      const { driver } = drivers.find('oci');
      using guest = await guestClient(await driver.connect(id));
      const argv = ['sh', '-c', `echo once >> /tmp/runs; ${daemon(31_006)}; sleep 0.5`] as const;
      const held = await guest.hold(argv);
      if (moment !== 'held it') await driver.facets.groups?.enter(id, held.id, held.pid);
      if (moment === 'let it begin') await held.release();
      const result = await sandbox.run({ id: held.id, argv, contained: true });
      expect(result.exitCode).toBe(0);
      expect(await countIn(sandbox, 31_006)).toBe(0);
      expect(Buffer.from(await sandbox.files.read('/tmp/runs')).toString()).toBe('once\n');
      await sandbox.files.remove('/tmp/runs');
    },
    60_000,
  );
});

let counts = 0;
const countIn = async (sandbox: Sandbox, seconds: number): Promise<number> => {
  const id = `count-${counts++}`;
  return Number((await sandbox.run({ id, argv: ['sh', '-c', counting(seconds)] })).stdout);
};

/** Of the agent `command`, which has left a daemon; beside it runs a process that is not the agent's. */
const cancelTurn = async (sandbox: Sandbox): Promise<void> => {
  await sandbox.start({ id: 'beside', argv: ['sleep', '31005'] });
  const { default: plugin } = await agents.command();
  const agent = plugin.open({}, { resolve: () => undefined, log: () => undefined });
  const cancel = new AbortController();
  const saidSo = Promise.withResolvers<void>();
  const world: AgentWorld = {
    sandbox,
    model: undefined,
    toolPath: (target) => target,
    emit: () => saidSo.resolve(),
    decide: async () => 'allow_once',
    limits: { startMs: 30_000, silenceMs: 60_000, turnMs: 60_000 },
    signal: cancel.signal,
  };
  const prompt = `${daemon(31_004)}; echo I wait.; sleep 600`;
  const turn = agent.turn({ execId: 'turn', prompt, asked: prompt, cwd: sandbox.root }, world);
  await saidSo.promise;
  expect([await countIn(sandbox, 31_004), await countIn(sandbox, 31_005)]).toEqual([1, 1]);
  cancel.abort();
  expect(await turn).toMatchObject({ stop: 'cancelled' });
};
