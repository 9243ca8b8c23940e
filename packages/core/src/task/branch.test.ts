import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedHub } from '../../testing/simulation/repository.ts';
import { createBranch, dropUnworkedBranches } from './branch.ts';

const setting = () => {
  const hub = createScriptedHub((text) => createHash('sha256').update(text).digest('hex'));
  const base = hub.commit('app', { parents: [], tree: {} });
  const work = hub.commit('app', { parents: [base], tree: { a: 'b' } });
  const request = {
    workspaceId: 'ws',
    taskId: 'tk_1',
    bases: { app: base, lib: base },
    used: [] as string[],
  };
  const branches = () => [...hub.refs.keys()];
  const put = (name: string, commit: string) =>
    hub.swap('ws', 'app', `refs/heads/${name}`, undefined, commit);
  return { hub, base, work, request, branches, put };
};

test('the branch is made in every repository, and made again it is the same', async () => {
  const { hub, request, branches } = setting();
  expect(await createBranch(hub, request)).toBe('task/tk_1');
  expect(await createBranch(hub, request)).toBe('task/tk_1');
  expect(branches()).toEqual(['app refs/heads/task/tk_1', 'lib refs/heads/task/tk_1']);
});

test('a name that is taken in one repository is taken in all', async () => {
  const { hub, request, work, put } = setting();
  await put('task/tk_1', work);
  expect(await createBranch(hub, request)).toBe('task/tk_1_v2');
});

test('a branch that was there before is never ours, even where it begins', async () => {
  const { hub, request, base, put } = setting();
  await put('task/tk_1', base);
  expect(await createBranch(hub, { ...request, used: ['task/tk_1'] })).toBe('task/tk_1_v2');
});

test('after _v10 it is refused', async () => {
  const { hub, request, work, put } = setting();
  await put('task/tk_1', work);
  for (let n = 2; n <= 9; n += 1) await put(`task/tk_1_v${n}`, work);
  expect(await createBranch(hub, request)).toBe('task/tk_1_v10');
  await hub.swap('ws', 'app', 'refs/heads/task/tk_1_v10', request.bases.app, work);
  await expect(createBranch(hub, request)).rejects.toMatchObject({ code: 'branch.exhausted' });
});

test('only branches without work, and not from before, are dropped', async () => {
  const { hub, request, work, base, branches, put } = setting();
  await put('task/tk_1', base);
  await put('task/tk_1_v2', work);
  await put('task/tk_1_v3', base);
  await dropUnworkedBranches(hub, { ...request, used: ['task/tk_1'] });
  expect(branches()).toEqual(['app refs/heads/task/tk_1', 'app refs/heads/task/tk_1_v2']);
});
