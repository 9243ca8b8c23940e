/** Evidence and layers belong to what a sandbox is made of, by content, and to what its set-up could reach. */
import { createHash } from 'node:crypto';
import type { EgressPolicy } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const IMAGE = '/images/build.tar';
const NONE: EgressPolicy = { preset: 'none' };

/** The same change twice: it waits for a person, who rejects it, and something else may happen before the second. */
const twice = async (setup: string, between: (images: Map<string, string>) => EgressPolicy | undefined) => {
  const { clock, store, dice, ports, machines } = createScriptedWorld(digest, { seed: 14 });
  machines.images.set(IMAGE, 'as it was');
  ports.agents.turn = async ({ sandbox }) => {
    const checkout = machines.insideOf(sandbox.id).checkouts.get('app');
    const weaker = { 'package.json': JSON.stringify({ scripts: { test: 'check less' } }) };
    if (checkout !== undefined) checkout.tree = { ...checkout.tree, ...weaker };
    return { stop: 'end', continued: true, session: null };
  };
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'test' });
  await core.start();
  const repositories = [{ source: '/app' }];
  const { id: workspaceId } = await core.workspaces.create({
    ...{ repositories, image: IMAGE, setup: { commands: [setup] } },
  });
  const run = async (egress?: EgressPolicy): Promise<void> => {
    await core.tasks.create({ workspaceId, prompt: 'Do it', keepAliveMs: 0, egress });
    await clock.advance(60_000);
    const [waiting] = await store.read((tx) => tx.table('changes').list({ where: { state: 'waiting' } }));
    await core.changes.decide(waiting?.id ?? '', { verdict: 'rejected', by: 'a person' });
    await clock.advance(1000);
  };
  await run();
  await run(between(machines.images));
  await core.stop();
  return store.read(async (tx) => {
    const sagas = await tx.table('sagas').list({ limit: 1000 });
    const prebuilds = await tx.table('prebuilds').list();
    const gateRuns = await tx.table('gateRuns').list();
    return {
      reused: gateRuns.map(({ reusedFrom }) => reusedFrom !== undefined),
      targetJudged: sagas.filter(({ name }) => name.startsWith('gate.baseline@')).length,
      shared: prebuilds.filter(({ attemptId }) => attemptId === undefined).length,
    };
  });
};

test('the same change in the same image is not judged again, nor is its target, nor set up', async () => {
  const same = { reused: [false, true], targetJudged: 1, shared: 1 };
  expect(await twice('npm ci', () => undefined)).toEqual(same);
});

test('another image under the same path makes all of it anew', async () => {
  const replaced = await twice('npm ci', (images) => {
    images.set(IMAGE, 'another');
    return undefined;
  });
  expect(replaced).toEqual({ reused: [false, false], targetJudged: 2, shared: 2 });
});

test('evidence from a set-up that reached the registries is none for a task that asked for no egress', async () => {
  expect(await twice('make ready', () => undefined)).toMatchObject({ reused: [false, true] });
  expect(await twice('make ready', () => NONE)).toMatchObject({ reused: [false, false] });
});
