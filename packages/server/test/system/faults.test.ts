/** What goes wrong around a turn: it is cancelled, the server dies, the model is away, the agent hangs, the guest is killed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from '@berth/contract';
import type { Scripts } from '@berth/plugin-api/fakes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { git, hubOf, makeRepository, refsOf } from './repository.ts';
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

const bash = (command: string) => [{ do: 'bash' as const, command }];

const SCRIPTS: Scripts = {
  stall: {
    match: 'stall',
    answers: [{ text: 'Half is done.', calls: bash('echo half > half.txt') }, { hang: true }],
  },
  SIGTERM: slow('SIGTERM'),
  SIGKILL: slow('SIGKILL'),
  away: { match: 'model is away', answers: [{ error: { status: 401, message: 'no such key' } }] },
};

/** Waits inside its tool until it is told to go on, so that the server can die meanwhile. */
function slow(signal: string) {
  return {
    match: `survive ${signal}`,
    answers: [
      {
        text: 'I begin.',
        calls: bash(`until [ -e /tmp/go ]; do sleep 0.1; done; echo done > ${signal}.txt`),
      },
      { text: 'It is done.' },
    ],
  };
}

let world: SystemWorld;
let workspace: Workspace;

beforeAll(async () => {
  world = await createWorld({ scripts: SCRIPTS });
  const source = makeRepository(world.folder, 'work', { 'a.txt': 'a\n' });
  workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    gate: { commands: [{ name: 'check', run: 'test -s a.txt' }] },
  });
}, 120_000);
afterAll(() => world?.end(), 120_000);

/** Starts a task and waits until its agent has got so far. */
const begin = async (prompt: string, said: string, agent?: string) => {
  const { client } = world;
  const { lastSeq } = await client.system.stats();
  const { id } = await client.tasks.create({ workspaceId: workspace.id, prompt, agent });
  await eventAfter(
    client,
    lastSeq,
    ({ type, data }) => type.startsWith('item.') && JSON.stringify(data).includes(said),
  );
  const { attempt } = await conversationOf(client, id);
  return { id, lastSeq, attemptId: attempt.id, sandboxId: attempt.sandboxId ?? '' };
};

/** Folders of machines that the driver still has. */
const machines = (): readonly string[] => readdirSync(join(world.home, 'drivers/oci/sandboxes'));

const gone = (sandboxId: string) =>
  until(
    'its sandbox is gone',
    async () => (await world.client.sandboxes.get({ id: sandboxId })).state === 'destroyed',
  );

test('a cancelled task ends within seconds, keeps its work and leaves no sandbox', async () => {
  const { client, model } = world;
  const begun = await begin('Please stall.', 'Half is done.');
  await until('the model is asked for what it never answers', () =>
    model.log.some(({ script, turn }) => script === 'stall' && turn === 1),
  );
  const askedAt = performance.now();
  await client.tasks.cancel({ id: begun.id, reason: 'I changed my mind' });
  const { task } = await followTask(client, begun.id, begun.lastSeq);
  expect(endOf(task)).toEqual({
    state: 'cancelled',
    code: 'work.cancelled',
    message: 'Cancelled: I changed my mind.',
  });
  expect(performance.now() - askedAt).toBeLessThan(12_000);
  const turn = `refs/berth/turns/${begun.attemptId}/1`;
  expect(Object.keys(refsOf(hubOf(workspace), turn))).toEqual([turn]);
  expect(git(hubOf(workspace), 'show', `${turn}:half.txt`)).toBe('half');
  const { session } = await conversationOf(client, begun.id);
  expect(session.turns).toMatchObject([
    { state: 'cancelled', commit: git(hubOf(workspace), 'rev-parse', turn) },
  ]);
  await gone(begun.sandboxId);
  expect(machines()).not.toContain(begun.sandboxId);
}, 120_000);

describe.each(['SIGTERM', 'SIGKILL'] as const)(
  'a server that ends by %s in the middle of a turn',
  (signal) => {
    test('finds the agent still at work, reads what it said and lands it', async () => {
      const begun = await begin(`Please survive ${signal}.`, 'I begin.');
      const asked = () =>
        world.model.log.filter(({ script, turn }) => script === signal && turn === 0).length;
      expect(asked()).toBe(1);
      await world.stop(signal);
      await world.start();
      // The same process of the agent waits in the same sandbox for this file.
      const { client } = world;
      await until('the sandbox is reached again', () =>
        client.sandboxes.writeFile({ id: begun.sandboxId, path: '/tmp/go', bytes: new Uint8Array() }).then(
          () => true,
          () => false,
        ),
      );
      const { task } = await followTask(client, begun.id, begun.lastSeq);
      expect(endOf(task)).toEqual(COMPLETED);
      expect(task.attempts).toBe(1);
      expect(asked()).toBe(1);
      const { session, items, attempt } = await conversationOf(client, begun.id);
      expect(session.turns).toMatchObject([{ state: 'ended' }]);
      expect(attempt.sandboxId).toBe(begun.sandboxId);
      expect(messagesOf(items, 'user')).toEqual([`Please survive ${signal}.`]);
      expect(messagesOf(items, 'agent')).toEqual(['I begin.', 'It is done.']);
      expect(items.flatMap(({ body }) => (body.kind === 'tool' ? [body.status] : []))).toEqual(['completed']);
      expect(git(hubOf(workspace), 'show', `main:${signal}.txt`)).toBe('done');
      const { rows } = await client.events.list({ afterSeq: begun.lastSeq, limit: 1000 });
      expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, index) => begun.lastSeq + index + 1));
      expect(rows.filter(({ type }) => type === 'change.merged')).toHaveLength(1);
    }, 180_000);
  },
);

describe('the model', () => {
  test('that refuses the key is a typed failure, told at once', async () => {
    const { task } = await runTask(world.client, { workspaceId: workspace.id, prompt: 'The model is away.' });
    expect(endOf(task)).toMatchObject({ state: 'failed', code: 'model.unavailable' });
    expect(task.error?.message).toMatch(/no such key|key/);
  }, 120_000);

  test('that nobody runs is a typed failure, and the same server goes on', async () => {
    const off = await createWorld({
      env: { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' },
      config: { turnLimits: { silenceMs: 8000 } },
    });
    try {
      const source = makeRepository(off.folder, 'work', { 'a.txt': 'a\n' });
      const commands = [{ name: 'check', run: 'true' }];
      const { id: workspaceId } = await off.client.workspaces.create({
        repositories: [{ source }],
        gate: { commands },
      });
      const { task } = await runTask(off.client, { workspaceId, prompt: 'Say something.' });
      expect(endOf(task)).toMatchObject({ state: 'failed', code: expect.stringMatching(/^(agent|model)\./) });
      const next = await runTask(off.client, {
        workspaceId,
        agent: 'scripted',
        prompt: steps({ write: { path: 'b', content: 'b' } }),
      });
      expect(endOf(next.task)).toEqual(COMPLETED);
    } finally {
      await off.end();
    }
  }, 240_000);
});

test('an agent that hangs is stopped, told as hung, and its work is kept', async () => {
  const hanging = await createWorld({ config: { turnLimits: { silenceMs: 1500 } } });
  try {
    const source = makeRepository(hanging.folder, 'work', { 'a.txt': 'a\n' });
    const hung = await hanging.client.workspaces.create({
      repositories: [{ source }],
      gate: { commands: [{ name: 'check', run: 'true' }] },
    });
    const prompt = steps({ write: { path: 'half.txt', content: 'half\n' } }, { hang: true });
    const { task } = await runTask(hanging.client, { workspaceId: hung.id, agent: 'scripted', prompt });
    expect(endOf(task)).toMatchObject({ state: 'failed', code: 'agent.hung' });
    expect(git(hubOf(hung), 'show', `refs/berth/turns/${task.attemptId}/1:half.txt`)).toBe('half');
  } finally {
    await hanging.end();
  }
}, 120_000);

test('work that git does not take is kept, and comes out by the command that the error names', async () => {
  // The hub takes no commit that has a link by this name.
  const tree = "printf '120000 blob %s\\t.gitmodules\\n' $(git rev-parse HEAD:a.txt) | git mktree";
  const commit = `git -c user.name=a -c user.email=a@b commit-tree $(${tree}) -p HEAD -m x`;
  const prompt = steps(
    { write: { path: 'notes.txt', content: 'found\n' } },
    { run: `printf more >> a.txt; git reset -q --soft $(${commit})` },
  );
  const wanted = { workspaceId: workspace.id, agent: 'scripted', prompt, maxRounds: 1, keepAliveMs: 0 };
  const { task } = await runTask(world.client, wanted);
  expect(endOf(task)).toMatchObject({ state: 'failed', code: 'work.unsaved' });
  const details = task.error?.details as { readonly id: string } | undefined;
  const id = details?.id ?? '';
  const [, line = ''] = /`berth sandbox exec \S+ -- (.*) > \S+`/.exec(task.error?.hint ?? '') ?? [];
  const shell = `${line} | tar -xzO ./work/notes.txt ./work/a.txt`;
  expect(await world.client.sandboxes.exec({ id, shell })).toMatchObject({ stdout: 'found\na\nmore' });
  await world.client.sandboxes.remove({ id });
}, 120_000);

describe('a guest that is killed from inside', () => {
  test('takes its sandbox with it, and the task ends with a typed error', async () => {
    const { client } = world;
    const begun = await begin(
      steps({ say: 'I wait.' }, { run: 'touch /tmp/at; until [ -e /tmp/go ]; do sleep 0.1; done' }),
      'I wait.',
      'scripted',
    );
    // A kill before the agent's command has started would hit nothing.
    const shell = 'until [ -e /tmp/at ]; do sleep 0.1; done; kill -9 -1; kill -9 1';
    const killed = await client.sandboxes
      .exec({ id: begun.sandboxId, shell, timeoutMs: 20_000 })
      .catch((error: unknown) => error);
    expect(killed).toBeDefined();
    const { task } = await followTask(client, begun.id, begun.lastSeq);
    expect(task.state).toBe('failed');
    expect(task.error?.code).toMatch(/^(agent|sandbox)\./);
    await gone(begun.sandboxId);
  }, 120_000);
});

test('a second server in the same home says who has it', async () => {
  await expect(createWorld({ env: { BERTH_HOME: world.home } })).rejects.toThrow(
    new RegExp(`ended with 6[\\s\\S]*process ${world.pid}\\b`),
  );
  expect((await world.client.system.live()).live).toBe(true);
}, 60_000);

test('no secret stands in the log or in the database after all this', () => {
  for (const name of readdirSync(world.home).filter((file) => file.startsWith('berth.db'))) {
    const bytes = readFileSync(join(world.home, name)).toString('latin1');
    expect(bytes).not.toContain(world.modelKey);
    expect(bytes).not.toContain(world.token);
  }
  expect(world.log()).not.toContain(world.modelKey);
  expect(world.log()).not.toContain(world.token);
});
