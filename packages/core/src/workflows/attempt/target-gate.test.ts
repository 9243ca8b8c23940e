import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createPorts } from '../../core.ts';
import { planGate, readForGate } from '../../gate/index.ts';
import { handleBaseline } from '../../job-handlers.ts';
import { createIds, Stopped, silentLog } from '../../kernel/index.ts';
import { redBefore } from './target-gate.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const WORKSPACE = `ws_${'0'.repeat(20)}`;
const ATTEMPT = `at_${'0'.repeat(20)}`;

/** An attempt that asks for the gate of its target in a world whose machines fail in this way. */
const asked = async (failure: (stop: AbortController) => unknown) => {
  const scripted = createScriptedWorld(digest, { seed: 9 });
  const { clock, store, dice } = scripted;
  const stop = new AbortController();
  const create = async (): Promise<never> => {
    throw failure(stop);
  };
  const warned: unknown[] = [];
  const warn = (event: string, facts: unknown): void =>
    void (event === 'attempt.target_unknown' && warned.push(facts));
  const ports = createPorts({
    ...{ store, clock, digest, owner: 'test', log: { ...silentLog, warn } },
    ids: createIds(clock, dice.bytes),
    ports: { ...scripted.ports, machines: { ...scripted.ports.machines, create } },
  });
  ports.queue.process('gate.baseline', handleBaseline(ports), { concurrency: 1 });
  const row = { name: 'app', repositories: [{ name: 'app', source: '/app', branch: 'main' }] };
  const workspace = await store.write((tx) => tx.table('workspaces').insert({ ...row, id: WORKSPACE }));
  const commits = { app: scripted.root };
  const plan = planGate(workspace, await readForGate(ports.hub, WORKSPACE, commits), ports.defaults);
  const target = { workspaceId: WORKSPACE, commits, plan, egress: { preset: 'none' } as const };
  const red = clock.through(redBefore(ports, { target, attemptId: ATTEMPT, signal: stop.signal }));
  return { red, warned };
};

test('a target whose gate ends without a verdict is no reason not to work, and the log says why', async () => {
  const { red, warned } = await asked(() => fail('driver.absent', { driver: 'scripted', detail: 'away' }));
  expect(await red).toEqual([]);
  expect(warned).toEqual([{ attempt: ATTEMPT, error: expect.objectContaining({ code: 'driver.absent' }) }]);
});

test('a server that stops meanwhile learns nothing about the target', async () => {
  const { red, warned } = await asked((stop) => {
    const reason = new Stopped('the server stops');
    stop.abort(reason);
    return reason;
  });
  await expect(red).rejects.toBeInstanceOf(Stopped);
  expect(warned).toEqual([]);
});
