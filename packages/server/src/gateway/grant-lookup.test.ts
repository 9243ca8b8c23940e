import type { Attempt, Sandbox } from '@berth/contract';
import { type AttemptGrant, createIds, type Grants } from '@berth/core';
import { createManualClock, createMemoryStore } from '@berth/core/testing';
import { expect, test } from 'vitest';
import { createGrantLookup } from './grant-lookup.ts';

const grants: Grants = { tokenFor: (id) => `token-${id}`, hash: (token) => `hash-${token}` };
const ATTEMPT = 'at_1';
const EGRESS = { preset: 'custom' as const, allow: ['example.com'] };

type GrantParts = Partial<
  Pick<AttemptGrant, 'attemptId' | 'workspaceId' | 'expiresAt' | 'sandboxId' | 'readRefs'>
>;

interface Records {
  readonly attempt: Attempt['state'];
  readonly purpose: Sandbox['purpose'];
}

/** A sandbox `sb_1` in this state, and the grant of `secret`. */
const scene = async (
  state: Sandbox['state'],
  grant: GrantParts = {},
  { attempt = 'running', purpose = 'attempt' }: Partial<Records> = {},
) => {
  const clock = createManualClock();
  const ids = createIds(clock, (length) => new Uint8Array(length));
  const store = createMemoryStore({ clock, ids });
  await store.write(async (tx) => {
    await tx.table('sandboxes').insert({
      id: 'sb_1',
      state,
      purpose,
      driver: 'memory',
      isolation: 'none',
      limits: {},
      egress: EGRESS,
      root: '/workspace',
    });
    await tx.table('attempts').insert({
      id: ATTEMPT,
      taskId: 'tk_1',
      number: 1,
      state: attempt,
      agent: 'opencode',
      rounds: 0,
    });
    await tx.table('grants').insert({
      id: 'gr_1',
      sandboxId: 'sb_1',
      hash: grants.hash('secret'),
      readRefs: ['refs/heads/main'],
      writeRefs: ['refs/heads/berth/'],
      ...grant,
    });
  });
  return { book: createGrantLookup(store, grants, clock), now: clock.now(), store };
};

const BOTH = { attemptId: ATTEMPT, workspaceId: 'ws_1' };

test.each(['creating', 'running', 'paused'] as const)(
  'a sandbox that is %s has its rights',
  async (state) => {
    const { book } = await scene(state, BOTH);
    expect(await book.forGit('secret', 'sb_1')).toEqual({
      workspaceId: 'ws_1',
      readRefs: ['refs/heads/main'],
      writeRefs: ['refs/heads/berth/'],
    });
    expect(await book.forModels('secret', 'sb_1')).toEqual({ attemptId: ATTEMPT, taskId: 'tk_1' });
    const during = state === 'creating' ? 'setup' : 'work';
    expect(await book.ruleOf('sb_1')).toEqual({ policy: EGRESS, during });
  },
);

test('a right of an older version, which names no refs to read, reaches the targets of its workspace', async () => {
  const { book, store } = await scene('running', { ...BOTH, readRefs: undefined });
  const repositories = ['app', 'lib'].map((name) => ({ name, source: `/${name}`, branch: 'main' }));
  await store.write((tx) => tx.table('workspaces').insert({ id: 'ws_1', name: 'app', repositories }));
  expect((await book.forGit('secret', 'sb_1'))?.readRefs).toEqual(['refs/heads/main']);
});

test.each(['deleting', 'destroyed', 'error', 'stopped', 'stuck', 'undoing'] as const)(
  'a sandbox that is %s has none',
  async (state) => {
    const { book } = await scene(state, BOTH);
    expect(await book.forGit('secret', 'sb_1')).toBeUndefined();
    expect(await book.forModels('secret', 'sb_1')).toBeUndefined();
    expect(await book.ruleOf('sb_1')).toBeUndefined();
  },
);

test('a token or a sandbox that nobody knows has no rights', async () => {
  const { book } = await scene('running', { ...BOTH, sandboxId: 'sb_2' });
  for (const token of ['', 'other', 'hash-secret', 'secret']) {
    expect(await book.forGit(token, 'sb_1')).toBeUndefined();
    expect(await book.forModels(token, 'sb_1')).toBeUndefined();
  }
  expect(await book.ruleOf('sb_2')).toBeUndefined();
});

test('a token is worth nothing in another sandbox, whether that one has rights or not', async () => {
  const { book } = await scene('running', BOTH);
  for (const elsewhere of ['sb_2', '', 'gr_1']) {
    expect(await book.forGit('secret', elsewhere)).toBeUndefined();
    expect(await book.forModels('secret', elsewhere)).toBeUndefined();
  }
});

test.each(['completed', 'failed', 'killed'] as const)(
  'the rights of an attempt end when it is %s, however long its sandbox is kept',
  async (attempt) => {
    const { book } = await scene('running', BOTH, { attempt });
    expect(await book.forGit('secret', 'sb_1')).toBeUndefined();
    expect(await book.forModels('secret', 'sb_1')).toBeUndefined();
    expect(await book.isGranted('sb_1')).toBe(false);
    expect(await book.ruleOf('sb_1')).toEqual({ policy: EGRESS, during: 'work' });
  },
);

test('a gate and a set-up read git and ask no model', async () => {
  for (const purpose of ['gate', 'setup'] as const) {
    const { book } = await scene('running', BOTH, { purpose });
    expect(await book.forGit('secret', 'sb_1')).toBeDefined();
    expect(await book.forModels('secret', 'sb_1')).toBeUndefined();
  }
});

test('a grant ends at the moment it names', async () => {
  const { now } = await scene('running');
  const ended = await scene('running', { ...BOTH, expiresAt: now });
  expect(await ended.book.forGit('secret', 'sb_1')).toBeUndefined();
  expect(await ended.book.forModels('secret', 'sb_1')).toBeUndefined();
  const lasting = await scene('running', { ...BOTH, expiresAt: now + 1 });
  expect(await lasting.book.forGit('secret', 'sb_1')).toBeDefined();
});

test('git needs a workspace, models need an attempt that exists', async () => {
  const { book } = await scene('running');
  expect(await book.forGit('secret', 'sb_1')).toBeUndefined();
  expect(await book.forModels('secret', 'sb_1')).toBeUndefined();
  const strange = await scene('running', { attemptId: 'at_2' });
  expect(await strange.book.forModels('secret', 'sb_1')).toBeUndefined();
});
