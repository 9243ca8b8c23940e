import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds, Stopped } from '../../kernel/index.ts';
import type { AgentTurn } from '../../ports.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Wanted {
  /** Of the machines that the agent works in, so many die under it. */
  readonly deaths: number;
  /** What such a turn rejects with. */
  readonly failure?: (id: string) => unknown;
}

/** An agent adds a line to its file in each machine; the file is good when it has worked in two. */
const started = async ({
  deaths,
  failure = (id) => fail('sandbox.unreachable', { id, detail: 'lost' }),
}: Wanted) => {
  const world = createScriptedWorld(digest, { seed: 9 });
  const { clock, store, dice, ports, machines, hub } = world;
  const turns: AgentTurn[] = [];
  const atTurn = { act: async (): Promise<void> => undefined };
  ports.agents.turn = async (turn) => {
    turns.push(turn);
    const { id } = turn.sandbox;
    for (const checkout of machines.insideOf(id).checkouts.values())
      checkout.tree = { ...checkout.tree, made: `${checkout.tree.made ?? ''}line\n` };
    turn.emit('1', { kind: 'message', role: 'agent', text: `machine ${turns.length}` });
    if (turns.length > deaths) await atTurn.act();
    else {
      machines.kill(id);
      throw failure(id);
    }
    return { stop: 'end', continued: true, session: {} };
  };
  const ids = createIds(clock, dice.bytes);
  const coreOf = (owner: string) => createCore({ store, clock, ids, digest, ports, owner });
  const core = coreOf('first');
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
  const task = () => store.read((tx) => tx.table('tasks').get(id));
  const read = <T extends 'turns' | 'items' | 'attempts' | 'sandboxes'>(table: T) =>
    store.read((tx) => tx.table(table).list({}));
  /** What is saved of the agent's file on the refs of turns, or on the branch. */
  const saved = (prefix: string) =>
    [...hub.refs]
      .filter(([ref]) => ref.startsWith(`app ${prefix}`))
      .map(([, commit]) => hub.look('app', commit).tree.made);
  return { world, core, coreOf, task, turns, read, saved, atTurn };
};

test.each([
  ['its connection', undefined],
  ['its agent', () => fail('agent.crashed', { agent: 'scripted', exitCode: null, tail: '' })],
])(
  'a machine that dies in mid-turn and takes %s along costs what ran, and nothing else',
  async (_, failure) => {
    const { world, task, turns, read, saved } = await started({ deaths: 1, ...(failure && { failure }) });
    await world.clock.advance(60_000);
    expect(await task()).toMatchObject({ state: 'completed', attempts: 1 });
    expect(saved('refs/heads/main')).toEqual(['line\nline\n']);
    expect(turns.map(({ prompt }) => prompt)).toEqual([
      'Fix it',
      expect.stringMatching(/^The machine that you work on died.*it was killed.*Fix it$/s),
    ]);
    expect(new Set(turns.map(({ execId }) => execId)).size).toBe(2);
    const [turn] = await read('turns');
    expect(turn).toMatchObject({ state: 'ended', deaths: [{ reason: 'it was killed' }] });
    const said = (await read('items')).map(({ body }) => ('text' in body ? body.text : body.kind));
    expect(said).toEqual(['Fix it', 'machine 1', expect.stringContaining('it was killed'), 'machine 2']);
    await world.clock.advance(60_000);
    expect(world.machines.alive.size + world.machines.dead.size).toBe(0);
  },
);

test('what was on the disk is on a ref before the turn begins again', async () => {
  const { world, saved, atTurn } = await started({ deaths: 1 });
  const before: unknown[] = [];
  atTurn.act = async () => void before.push(...saved('refs/berth/turns/'), ...saved('refs/heads/task/'));
  await world.clock.advance(60_000);
  expect(before).toEqual(['line\n', 'line\n']);
});

test('a machine that dies each time fails the task with the reason of its death, and its work is on the branch', async () => {
  const { world, task, turns, saved } = await started({ deaths: 100 });
  await world.clock.advance(120_000);
  expect(turns).toHaveLength(3);
  expect(await task()).toMatchObject({
    state: 'failed',
    error: {
      code: 'sandbox.died',
      message: expect.stringMatching(/died 3 times during the same work; last cause: it was killed/),
    },
  });
  expect(saved('refs/heads/task/')).toEqual(['line\nline\nline\n']);
  expect(world.machines.alive.size + world.machines.dead.size).toBe(0);
});

test('after a restart of the server the turn in the next machine is heard again, asked the same', async () => {
  const { world, core, coreOf, task, turns, atTurn } = await started({ deaths: 1 });
  const working = Promise.withResolvers<void>();
  atTurn.act = () => working.promise;
  await world.clock.advance(60_000);
  expect(turns).toHaveLength(2);
  const stopped = core.stop();
  working.reject(new Stopped('the server stops'));
  await world.clock.through(stopped);
  atTurn.act = async () => undefined;
  await coreOf('second').start();
  await world.clock.advance(60_000);
  const asked = turns.map(({ execId, prompt }) => [execId, prompt]);
  expect(asked[2]).toEqual(asked[1]);
  expect(await task()).toMatchObject({ state: 'completed', attempts: 1 });
});

test('a sandbox that a person removes in mid-turn is not made anew, and its task says who removed it', async () => {
  const { world, core, task, read, turns } = await started({ deaths: 0 }).then((all) => {
    all.atTurn.act = async () => {
      const [own] = (await all.read('sandboxes')).filter(({ purpose }) => purpose === 'attempt');
      await all.core.sandboxes.remove(own?.id ?? '', { by: 'tn_1', byName: 'ann' });
      await all.world.clock.sleep(10_000);
      throw fail('sandbox.unreachable', { id: own?.id ?? '', detail: 'lost' });
    };
    return all;
  });
  await world.clock.advance(120_000);
  expect(turns).toHaveLength(1);
  expect(await task()).toMatchObject({
    state: 'failed',
    error: {
      code: 'sandbox.removed',
      message: expect.stringMatching(/was removed by ann \(tn_1\) while work was running in it/),
      hint: expect.stringContaining('berth task retry'),
    },
  });
  expect((await read('sandboxes')).every(({ state }) => state === 'destroyed')).toBe(true);
  expect(world.machines.alive.size).toBe(0);
  await core.stop();
});

test('a permission that was decided before a crash is answered after it, and nobody is asked again', async () => {
  const { world, core, coreOf, task } = await started({ deaths: 0 });
  const asked: string[] = [];
  world.ports.permissions.decide = async ({ title }) => {
    asked.push(title);
    return asked.length === 1 ? 'reject_once' : 'allow_once';
  };
  const heard: string[] = [];
  const { turn: work } = world.ports.agents;
  world.ports.agents.turn = async (turn, signal) => {
    const request = {
      id: 'permission:1',
      title: 'Write a file',
      offered: ['allow_once', 'reject_once'] as const,
    };
    heard.push(await turn.decide(request));
    // The first server stops before it can send the answer.
    return heard.length === 1 ? new Promise(() => undefined) : work(turn, signal);
  };
  await world.clock.advance(30_000);
  expect(heard).toEqual(['reject_once']);
  await core.stop();
  await coreOf('second').start();
  await world.clock.advance(30_000);
  expect(heard).toEqual(['reject_once', 'reject_once']);
  expect(asked).toEqual(['Write a file']);
  expect((await task())?.state).not.toBe('running');
});

test('a server that stops while a decision is pending answers nothing; the next one asks and answers', async () => {
  const { world, core, coreOf } = await started({ deaths: 0 });
  const pending = Promise.withResolvers<'allow_once'>();
  const asked: string[] = [];
  world.ports.permissions.decide = async ({ title }) => {
    asked.push(title);
    return asked.length === 1 ? pending.promise : 'reject_once';
  };
  const heard: string[] = [];
  const { turn: work } = world.ports.agents;
  world.ports.agents.turn = async (turn, signal) => {
    heard.push(await turn.decide({ id: 'permission:1', title: 'Write', offered: ['allow_once'] }));
    return work(turn, signal);
  };
  await world.clock.advance(30_000);
  await core.stop();
  await coreOf('second').start();
  await world.clock.advance(30_000);
  pending.resolve('allow_once');
  await world.clock.advance(1000);
  expect([asked.length, heard]).toEqual([2, ['reject_once']]);
});
