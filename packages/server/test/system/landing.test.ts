/** From a repository and a prompt to landed commits: the real agent OpenCode, its tools, sandboxes, git and checks. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Change, dataOf, type Usage, type Workspace } from '@berth/contract';
import type { LedgerEntry } from '@berth/core';
import type { Scripts } from '@berth/plugin-api/fakes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROKEN_SUM, git, hubOf, makeRepository, refsOf } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import {
  COMPLETED,
  conversationOf,
  endOf,
  eventAfter,
  followTask,
  messagesOf,
  runTask,
  steps,
} from './tasks.ts';

const MINUS = 'a - b';
const WAIT_FOR_GO = 'until [ -e /tmp/go ]; do sleep 0.1; done';
const edit = (path: string, old: string, text: string) => ({ do: 'edit' as const, path, old, new: text });

const SCRIPTS: Scripts = {
  fix: {
    match: 'sum is wrong',
    answers: [
      {
        text: 'I look.',
        calls: [{ do: 'read', path: 'sum.js' }],
        usage: { input: 1111, cachedInput: 11, output: 21 },
      },
      {
        text: 'Plus it is.',
        calls: [edit('sum.js', MINUS, 'a + b')],
        usage: { input: 2222, cachedInput: 0, output: 22 },
      },
      { text: 'It adds now.', usage: { input: 3333, cachedInput: 1000, output: 23 } },
    ],
    followUps: [
      {
        match: 'also a product',
        answers: [
          {
            text: 'A new file.',
            calls: [
              { do: 'write', path: 'product.js', content: 'export const product = (a, b) => a * b;\n' },
            ],
          },
          { text: 'It multiplies.' },
        ],
      },
    ],
  },
  hasty: {
    match: 'be hasty',
    answers: [{ text: 'Times!', calls: [edit('sum.js', MINUS, 'a * b')] }, { text: 'I guess so.' }],
    followUps: [
      {
        match: 'does not pass the checks',
        answers: [
          { text: 'Plus, then.', calls: [edit('sum.js', 'a * b', 'a + b')] },
          { text: 'Now it adds.' },
        ],
      },
    ],
  },
  left: {
    match: 'write left',
    answers: [{ calls: [{ do: 'bash', command: 'echo left > left.txt' }] }, { text: 'Left is there.' }],
  },
  right: {
    match: 'write right',
    answers: [{ calls: [{ do: 'bash', command: 'echo right > right.txt' }] }, { text: 'Right is there.' }],
  },
  rival: {
    match: 'say it in French',
    answers: [
      {
        text: 'I take my time.',
        calls: [{ do: 'bash', command: `${WAIT_FOR_GO}; echo bonjour > greeting.txt` }],
      },
      { text: 'It is French.' },
    ],
    followUps: [
      {
        match: 'conflicts with work that landed',
        answers: [
          {
            text: 'Both, then.',
            calls: [
              {
                do: 'bash',
                // Left uncommitted, as many agents do.
                command: 'git merge origin/main; printf "hallo\\nbonjour\\n" > greeting.txt',
              },
            ],
          },
          { text: 'Both greetings stay.' },
        ],
      },
    ],
  },
};

let world: SystemWorld;
beforeAll(async () => {
  world = await createWorld({ scripts: SCRIPTS });
}, 120_000);
afterAll(() => world?.end(), 120_000);

const add = (name: string, files: Readonly<Record<string, string>>, gate?: string): Promise<Workspace> => {
  const source = makeRepository(world.folder, name, files);
  const commands = gate === undefined ? undefined : [{ name: 'check', run: gate }];
  return world.client.workspaces.create({ repositories: [{ source }], gate: { commands } });
};

const changesOf = async (taskId: string): Promise<readonly Change[]> =>
  (await world.client.changes.list({ taskId })).rows;

describe('a red test suite', () => {
  let taskId = '';

  test('is fixed, verified on the merge, and landed', async () => {
    const workspace = await add('sum', BROKEN_SUM);
    const hub = hubOf(workspace);
    const before = git(hub, 'rev-parse', 'main');
    const asked = world.model.log.length;
    const { task, events } = await runTask(world.client, {
      workspaceId: workspace.id,
      prompt: 'The sum is wrong.',
    });
    expect(endOf(task)).toEqual(COMPLETED);
    taskId = task.id;

    const change = await world.client.changes.get({ id: task.changeId ?? '' });
    const [part] = change.parts;
    expect(change.state).toBe('merged');
    expect(part).toMatchObject({ base: before, merge: git(hub, 'rev-parse', 'main') });
    expect(git(hub, 'rev-parse', 'main^1', 'main^2').split('\n')).toEqual([before, part?.head]);
    expect(refsOf(hub, 'refs/berth/revert')).toEqual({ [`refs/berth/revert/${change.id}`]: before });
    expect(git(hub, 'show', 'main:sum.js')).toContain('a + b');
    expect(await world.client.changes.diff({ id: change.id })).toContain(
      '+export const sum = (a, b) => a + b;',
    );
    // The user's own repository is only read.
    expect(git(join(world.folder, 'sum'), 'rev-parse', 'main')).toBe(before);

    const { items, session, attempt } = await conversationOf(world.client, task.id);
    expect(attempt).toMatchObject({
      state: 'completed',
      rounds: 1,
      branch: `task/${task.id}`,
      model: 'openai/scripted',
    });
    expect(session).toMatchObject({
      continuity: 'new',
      turns: [{ state: 'ended', cause: 'task', commit: part?.head }],
    });
    expect(items.map(({ position }) => position)).toEqual(
      [...items.keys()].map((key) => items[key]?.position),
    );
    expect(messagesOf(items, 'user')).toEqual([expect.stringMatching(/^The sum is wrong\./)]);
    expect(messagesOf(items, 'agent')).toEqual(['I look.', 'Plus it is.', 'It adds now.']);
    const tools = items.flatMap(({ body }) => (body.kind === 'tool' ? [body] : []));
    expect(tools.map(({ status }) => status)).toEqual(['completed', 'completed']);

    expect(events.map(({ type }) => type).filter((type) => /^(task|change|gate)\./.test(type))).toEqual([
      'task.created',
      'task.claimed',
      'task.started',
      'task.verification_started',
      'change.verification_started',
      'gate.passed',
      'change.approved',
      'change.merge_started',
      'task.landing_started',
      'change.merged',
      'task.completed',
    ]);
    expect(usageOf(task.id)).toEqual(usageAsked(asked));
  }, 180_000);

  test('is worked on further in the same conversation, while its sandbox lives', async () => {
    const { lastSeq } = await world.client.system.stats();
    await world.client.tasks.prompt({ id: taskId, prompt: 'Now also a product, please.' });
    const { task } = await followTask(world.client, taskId, lastSeq);
    expect(endOf(task)).toEqual(COMPLETED);
    const { session, items } = await conversationOf(world.client, taskId);
    expect(session.continuity).toBe('resumed');
    // Nothing of the earlier conversation had to be told again.
    expect(messagesOf(items, 'user')).toEqual(['Now also a product, please.']);
    expect(messagesOf(items, 'agent')).toEqual(['A new file.', 'It multiplies.']);
    const { rows } = await world.client.tasks.attempts({ id: taskId });
    expect(new Set(rows.map(({ sandboxId }) => sandboxId)).size).toBe(1);
    const hub = hubOf(await world.client.workspaces.get({ id: task.workspaceId }));
    expect(git(hub, 'show', 'main:product.js')).toContain('a * b');
    expect(git(hub, 'show', 'main:sum.js')).toContain('a + b');
  }, 180_000);

  test('goes back to the agent with the log until the gate is green', async () => {
    const workspace = await add('hasty', BROKEN_SUM);
    const { task } = await runTask(world.client, {
      workspaceId: workspace.id,
      prompt: 'Fix it, but be hasty.',
    });
    expect(endOf(task)).toEqual(COMPLETED);
    const changes = [...(await changesOf(task.id))].sort((a, b) => a.createdAt - b.createdAt);
    expect(changes.map(({ state }) => state)).toEqual(['rejected', 'merged']);
    const [red, green] = await Promise.all(
      changes.map(({ gateRunId = '' }) => world.client.gates.get({ id: gateRunId })),
    );
    expect(red).toMatchObject({ state: 'red', evidence: [{ command: 'npm run test', exitCode: 1 }] });
    expect(red?.evidence[0]?.logTail).toMatch(/6 == 5/);
    expect(green).toMatchObject({ state: 'green', evidence: [{ command: 'npm run test', exitCode: 0 }] });
    expect(red?.inputHash).not.toBe(green?.inputHash);
    const { session, items } = await conversationOf(world.client, task.id);
    expect(session.turns.map(({ cause }) => cause)).toEqual(['task', 'red_gate']);
    expect(messagesOf(items, 'user')[1]).toMatch(/6 == 5/);
    expect(git(hubOf(workspace), 'show', 'main:sum.js')).toContain('a + b');
  }, 180_000);
});

test('two tasks work at once, and the second is verified anew on what the first one landed', async () => {
  // The gate of what holds right.txt waits, so that the left one lands while the right one is verified.
  const gate = `[ ! -e right.txt ] || ${WAIT_FOR_GO}`;
  const workspace = await add('pair', { 'README.md': 'two sides\n' }, gate);
  const { client } = world;
  const { lastSeq } = await client.system.stats();
  const right = await client.tasks.create({
    workspaceId: workspace.id,
    prompt: 'write right',
    title: 'Right',
  });
  const left = await client.tasks.create({ workspaceId: workspace.id, prompt: 'write left', title: 'Left' });
  await until('the right one is verified while the left one works', async () => {
    const { rows } = await client.sandboxes.list({ state: 'running', workspaceId: workspace.id });
    const [change] = await changesOf(right.id);
    return change?.state === 'verifying' && rows.some(({ purpose }) => purpose === 'gate');
  });
  const { attempt: working } = await conversationOf(client, left.id);
  await client.sandboxes.writeFile({ id: working.sandboxId ?? '', path: '/tmp/go', bytes: new Uint8Array() });
  expect((await followTask(client, left.id, lastSeq)).task.state).toBe('completed');

  await until('the right one has landed too', async () => {
    const { rows } = await client.sandboxes.list({ state: 'running', workspaceId: workspace.id });
    for (const { id } of rows.filter(({ purpose }) => purpose === 'gate'))
      await client.sandboxes
        .writeFile({ id, path: '/tmp/go', bytes: new Uint8Array() })
        .catch(() => undefined);
    return (await client.tasks.get({ id: right.id })).endedAt !== undefined;
  });
  const changes = [...(await changesOf(right.id))].sort((a, b) => a.createdAt - b.createdAt);
  expect(changes.at(-1)?.state).toBe('merged');
  for (const { state, error } of changes.slice(0, -1))
    expect([state, error?.code]).toEqual(['rejected', 'change.target_moved']);
  const hub = hubOf(workspace);
  const [leftChange] = await changesOf(left.id);
  expect(git(hub, 'rev-parse', 'main^1')).toBe(leftChange?.parts[0]?.merge);
  expect(git(hub, 'ls-tree', '--name-only', 'main').split('\n')).toEqual([
    'README.md',
    'left.txt',
    'right.txt',
  ]);
  // Both had a machine at the same time, and no turn was needed to land on a moved target.
  const [a, b] = await Promise.all([left, right].map(async ({ id }) => conversationOf(client, id)));
  expect(a?.attempt.sandboxId).not.toBe(b?.attempt.sandboxId);
  expect(b?.session.turns).toHaveLength(1);
}, 240_000);

test('a conflict goes back to the agent with its paths, and its resolution lands', async () => {
  const workspace = await add('rivals', { 'greeting.txt': 'hello\n' }, 'test -s greeting.txt');
  const { client } = world;
  const { lastSeq } = await client.system.stats();
  const rival = await client.tasks.create({ workspaceId: workspace.id, prompt: 'Please say it in French.' });
  await eventAfter(client, lastSeq, ({ type, subject }) => type === 'task.started' && subject === rival.id);
  const german = await runTask(client, {
    workspaceId: workspace.id,
    agent: 'scripted',
    prompt: steps({ write: { path: 'greeting.txt', content: 'hallo\n' } }),
  });
  expect(endOf(german.task)).toEqual(COMPLETED);
  const { attempt } = await conversationOf(client, rival.id);
  await client.sandboxes.writeFile({ id: attempt.sandboxId ?? '', path: '/tmp/go', bytes: new Uint8Array() });

  const { task } = await followTask(client, rival.id, lastSeq);
  expect(endOf(task)).toEqual(COMPLETED);
  const { session, items } = await conversationOf(client, rival.id);
  expect(session.turns.map(({ cause }) => cause)).toEqual(['task', 'conflict']);
  expect(messagesOf(items, 'user')[1]).toMatch(/git merge origin\/main[\s\S]*- greeting\.txt/);
  const [, rejected] = [...(await changesOf(rival.id))].sort((a, b) => b.createdAt - a.createdAt);
  expect(rejected).toMatchObject({
    state: 'rejected',
    error: { details: { paths: ['rivals/greeting.txt'] } },
  });
  expect(git(hubOf(workspace), 'show', 'main:greeting.txt')).toBe('hallo\nbonjour');
}, 240_000);

test('a follow-up after the sandbox is gone tells a fresh agent what was said', async () => {
  const workspace = await add('fresh', { 'a.txt': 'a\n' }, 'true');
  const first = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'scripted',
    keepAliveMs: 0,
    prompt: steps({ say: 'I write b.' }, { write: { path: 'b.txt', content: 'b\n' } }),
  });
  expect(first.events.map((event) => dataOf(event, 'attempt.progressed')?.detail)).toContain(
    'the gate cannot fail, so it lands any work: `true`',
  );
  const { lastSeq } = await world.client.system.stats();
  const prompt = steps({ write: { path: 'c.txt', content: 'c\n' } });
  await world.client.tasks.prompt({ id: first.task.id, prompt });
  const { task } = await followTask(world.client, first.task.id, lastSeq);
  expect(endOf(task)).toEqual(COMPLETED);
  const { session, items } = await conversationOf(world.client, task.id);
  expect(session.continuity).toBe('fresh');
  expect(messagesOf(items, 'user')[0]).toMatch(
    /conversation so far:[\s\S]*agent: I write b\.[\s\S]*What is asked now/,
  );
  expect(git(hubOf(workspace), 'ls-tree', '--name-only', 'main').split('\n')).toEqual([
    'a.txt',
    'b.txt',
    'c.txt',
  ]);
}, 120_000);

test('the log of events has no holes and tells everything in order', async () => {
  const seen: number[] = [];
  for (;;) {
    const { rows, lastSeq } = await world.client.events.list({ afterSeq: seen.length, limit: 1000 });
    seen.push(...rows.map(({ seq }) => seq));
    if (seen.length >= lastSeq) break;
  }
  expect(seen.length).toBeGreaterThan(100);
  expect(seen).toEqual(seen.map((_, index) => index + 1));
});

test('neither the key nor the token stands in the log or in the database', async () => {
  const texts = ['berth.db', 'berth.db-wal'].map((name) =>
    readFileSync(join(world.home, name)).toString('latin1'),
  );
  for (const text of [...texts, world.log()]) {
    expect(text).not.toContain(world.modelKey);
    expect(text).not.toContain(world.token);
  }
});

/** What the ledger has, in the order in which the model was asked. */
const usageOf = (taskId: string): readonly Usage[] =>
  world
    .rows<LedgerEntry>('ledger')
    .filter((entry) => entry.taskId === taskId)
    .map(({ usage }) => usage)
    .sort(byInput);

/** What the model said that it used, since a place in its log. */
const usageAsked = (from: number): readonly Usage[] =>
  world.model.log
    .slice(from)
    .map(({ script, turn }) => SCRIPTS[script]?.answers[turn]?.usage ?? {})
    .map(({ input = 1000, cachedInput = 200, output = 50 }) => ({
      inputTokens: input,
      cachedInputTokens: cachedInput,
      outputTokens: output,
    }))
    .sort(byInput);

const byInput = (a: Usage, b: Usage): number => a.inputTokens - b.inputTokens;
