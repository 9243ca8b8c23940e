import { createHash } from 'node:crypto';
import { createKeyedLock } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import { createScriptedHub } from '../../testing/simulation/repository.ts';
import { advanceTargets, withdrawTargets } from './advance.ts';
import { mergeParts } from './merge.ts';

/** Two repositories, each with a target and a change to it. */
const setting = async () => {
  const hub = createScriptedHub((text) => createHash('sha256').update(text).digest('hex'));
  const repositories = ['app', 'lib'];
  const parts = [];
  for (const repository of repositories) {
    const base = hub.commit(repository, { parents: [], tree: { shared: 'start' } });
    await hub.swap('ws', repository, 'refs/heads/main', undefined, base);
    const head = hub.commit(repository, { parents: [base], tree: { shared: 'start', new: 'good' } });
    parts.push({ repository, branch: 'task/tk', target: 'main', head });
  }
  const change = {
    id: 'ch',
    workspaceId: 'ws',
    attemptId: 'at',
    title: 'Do it',
    createdAt: 1,
    agent: 'x',
    parts,
  };
  const main = (repository: string) => hub.refs.get(`${repository} refs/heads/main`) ?? '';
  const land = (repository: string, on: string, text: string) => {
    const tree = { ...hub.look(repository, on).tree, shared: text };
    return hub.swap('ws', repository, 'refs/heads/main', on, hub.commit(repository, { parents: [on], tree }));
  };
  return { hub, change, main, land };
};
const landingOf = async ({ hub, change }: Awaited<ReturnType<typeof setting>>) => ({
  changeId: change.id,
  workspaceId: change.workspaceId,
  parts: await mergeParts(hub, change),
});

test('all targets move, the revert point is kept, and again changes nothing', async () => {
  const world = await setting();
  const before = [world.main('app'), world.main('lib')];
  const landing = await landingOf(world);
  await advanceTargets(world.hub, landing, []);
  await advanceTargets(world.hub, landing, []);
  expect([world.main('app'), world.main('lib')]).toEqual(landing.parts.map((part) => part.merge));
  expect(['app', 'lib'].map((name) => world.hub.refs.get(`${name} refs/berth/revert/ch`))).toEqual(before);
});

test('when one target has moved, none has', async () => {
  const world = await setting();
  const landing = await landingOf(world);
  const app = world.main('app');
  await world.land('lib', world.main('lib'), 'of another');
  await expect(advanceTargets(world.hub, landing, [])).rejects.toMatchObject({ code: 'change.target_moved' });
  expect(world.main('app')).toBe(app);
});

/** A third repository, which the change leaves alone, as it was judged. */
const besideOf = async ({ hub }: Awaited<ReturnType<typeof setting>>) => {
  const base = hub.commit('docs', { parents: [], tree: { page: 'start' } });
  await hub.swap('ws', 'docs', 'refs/heads/main', undefined, base);
  const move = async () => {
    const next = hub.commit('docs', { parents: [base], tree: { page: 'new' } });
    expect(await hub.swap('ws', 'docs', 'refs/heads/main', base, next)).toBe(true);
  };
  return { beside: [{ repository: 'docs', target: 'main', base }], move };
};

test('when a repository that the change leaves alone has moved, or was never judged, nothing moves', async () => {
  const world = await setting();
  const { beside, move } = await besideOf(world);
  const landing = await landingOf(world);
  const before = [...world.hub.refs].filter(([ref]) => !ref.startsWith('docs'));
  const unknown = beside.map((one) => ({ ...one, base: undefined }));
  const refused = { code: 'change.target_moved' };
  await expect(advanceTargets(world.hub, landing, unknown)).rejects.toMatchObject(refused);
  await move();
  await expect(advanceTargets(world.hub, landing, beside)).rejects.toMatchObject(refused);
  expect([...world.hub.refs].filter(([ref]) => !ref.startsWith('docs'))).toEqual(before);
});

test('what moves beside a landing after it is no reason to take it back when its step is repeated', async () => {
  const world = await setting();
  const { beside, move } = await besideOf(world);
  const landing = await landingOf(world);
  await advanceTargets(world.hub, landing, beside);
  await move();
  await advanceTargets(world.hub, landing, beside);
  expect([world.main('app'), world.main('lib')]).toEqual(landing.parts.map((part) => part.merge));
});

test('of two landings that were each judged beside the other’s old target, one lands, however they interleave', async () => {
  for (let ahead = 0; ahead < 12; ahead += 1) {
    const world = await setting();
    const { parts } = await landingOf(world);
    const exclusively = createKeyedLock();
    const land = async (repository: string, microtasks: number) => {
      for (let passed = 0; passed < microtasks; passed += 1) await null;
      const own = parts.filter((part) => part.repository === repository);
      const beside = parts.filter((part) => part.repository !== repository);
      const landing = { changeId: `ch-${repository}`, workspaceId: 'ws', parts: own };
      await exclusively('ws', () => advanceTargets(world.hub, landing, beside));
    };
    const ends = await Promise.allSettled([land('app', ahead), land('lib', 6)]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  }
});

test('a landing is found again below what landed on it since', async () => {
  const world = await setting();
  const landing = await landingOf(world);
  await advanceTargets(world.hub, landing, []);
  await world.land('app', world.main('app'), 'of another');
  const after = world.main('app');
  await advanceTargets(world.hub, landing, []);
  expect(world.main('app')).toBe(after);
});

test('what others built on is not taken back silently', async () => {
  const world = await setting();
  const landing = await landingOf(world);
  await advanceTargets(world.hub, landing, []);
  await world.land('app', world.main('app'), 'of another');
  await expect(withdrawTargets(world.hub, landing)).rejects.toMatchObject({ code: 'change.target_moved' });
});

test('taken back, nothing is left, and again changes nothing', async () => {
  const world = await setting();
  const before = [world.main('app'), world.main('lib')];
  const landing = await landingOf(world);
  await advanceTargets(world.hub, landing, []);
  await withdrawTargets(world.hub, landing);
  await withdrawTargets(world.hub, landing);
  expect([world.main('app'), world.main('lib')]).toEqual(before);
  expect([...world.hub.refs.keys()].filter((key) => key.includes('revert'))).toEqual([]);
});

test('conflicts of all repositories are told at once', async () => {
  const world = await setting();
  const parts = world.change.parts.map((part) => {
    const [base = ''] = world.hub.look(part.repository, part.head).parents;
    return {
      ...part,
      head: world.hub.commit(part.repository, { parents: [base], tree: { shared: 'mine' } }),
    };
  });
  for (const name of ['app', 'lib']) await world.land(name, world.main(name), 'theirs');
  await expect(mergeParts(world.hub, { ...world.change, parts })).rejects.toMatchObject({
    code: 'change.conflicted',
    details: { paths: ['app/shared', 'lib/shared'] },
  });
});

test('a change that brings nothing is refused; a part that brings nothing is left out', async () => {
  const world = await setting();
  const [app, lib] = world.change.parts;
  if (app === undefined || lib === undefined) throw new Error('two parts');
  const nothing = { ...lib, head: world.main('lib') };
  const some = await mergeParts(world.hub, { ...world.change, parts: [app, nothing] });
  expect(some.map((part) => part.repository)).toEqual(['app']);
  await expect(mergeParts(world.hub, { ...world.change, parts: [nothing] })).rejects.toMatchObject({
    code: 'agent.no_change',
  });
});
