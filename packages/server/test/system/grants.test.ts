/** What a sandbox's token opens, tried from two real sandboxes: where it is presented, when, and which refs it names. */
import type { Sandbox, Task, Workspace } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGrants, openInstallationKey } from '../../src/secrets/installation-key.ts';
import { makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { COMPLETED, endOf, steps } from './tasks.ts';

let world: SystemWorld;
let workspace: Workspace;
let task: Task;
/** Of the attempt, whose agent waits for the file `go`. */
let working: string;
let other: Sandbox;
let tokenOf: (sandboxId: string) => string;

beforeAll(async () => {
  world = await createWorld();
  tokenOf = createGrants(await openInstallationKey(world.home)).tokenFor;
  workspace = await world.client.workspaces.create({
    repositories: [{ source: makeRepository(world.folder, 'shop', { 'README.md': 'here\n' }) }],
    gate: { commands: [{ name: 'check', run: 'true' }] },
  });
  const wait = 'until [ -e /tmp/go ]; do sleep 0.1; done; echo work > work.txt';
  const wanted = { workspaceId: workspace.id, agent: 'scripted', keepAliveMs: 300_000 };
  task = await world.client.tasks.create({ ...wanted, prompt: steps({ run: wait }) });
  other = await world.client.sandboxes.create({ workspaceId: workspace.id });
  await until(
    'the agent works',
    async () => (await world.client.tasks.get({ id: task.id })).state === 'running',
  );
  working = (await world.client.tasks.attempts({ id: task.id })).rows.at(-1)?.sandboxId ?? '';
}, 120_000);
afterAll(() => world?.end(), 120_000);

const sh = async (id: string, shell: string) =>
  (await world.client.sandboxes.exec({ id, shell, timeoutMs: 30_000 })).stdout;
const repository = () => `http://berth.internal/git/${workspace.id}/shop.git`;

/** The status of a request that presents the token of `whose` in the sandbox `where`. */
const asked = async (where: string, whose: string, url: string, more = '') =>
  Number(
    await sh(
      where,
      `curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer ${tokenOf(whose)}' ${more} '${url}'`,
    ),
  );
const gitAsked = (where: string, whose: string) =>
  asked(where, whose, `${repository()}/info/refs?service=git-upload-pack`);
const modelAsked = (where: string, whose: string) =>
  asked(where, whose, 'http://berth.internal/models/openai/v1/models');

test('a token works in its own sandbox and in no other, in both directions', async () => {
  expect(await gitAsked(working, working)).toBe(200);
  expect(await gitAsked(other.id, other.id)).toBe(200);
  expect(await gitAsked(other.id, working)).toBe(401);
  expect(await gitAsked(working, other.id)).toBe(401);
  expect(await modelAsked(working, working)).not.toBe(401);
  expect(await modelAsked(other.id, working)).toBe(401);
  // Whoever is no attempt asks no model.
  expect(await modelAsked(other.id, other.id)).toBe(401);
}, 60_000);

test('what one sandbox pushes is not shown to another', async () => {
  const client = (whose: string) => `git -c http.extraHeader='Authorization: Bearer ${tokenOf(whose)}'`;
  const made = `cd shop && echo mine > mine && git add mine && git commit -qm mine && git rev-parse HEAD`;
  const commit = (await sh(other.id, made)).trim();
  await sh(other.id, `cd shop && ${client(other.id)} push -q origin HEAD:refs/heads/sandbox/${other.id}`);
  expect(await sh(other.id, `${client(other.id)} ls-remote ${repository()}`)).toContain(commit);
  const seen = await sh(working, `${client(working)} ls-remote ${repository()}`);
  expect(seen).toContain('refs/heads/main');
  expect(seen).not.toMatch(/refs\/heads\/sandbox\//);
  for (const version of [0, 2]) {
    const fetch = `${client(working)} -c protocol.version=${version} fetch -q ${repository()} ${commit}`;
    expect(
      await sh(working, `cd shop && ${fetch} 2>/dev/null; git cat-file -e ${commit} || echo absent`),
    ).toBe('absent\n');
  }
}, 60_000);

test('the token ends with the attempt, and with it what is open, though the sandbox is kept', async () => {
  const { client } = world;
  // A push whose body does not end.
  const script = `
    const headers = { authorization: 'Bearer ${tokenOf(working)}' };
    const push = require('node:http').request('${repository()}/git-receive-pack', { method: 'POST', headers });
    push.on('error', () => process.exit(3)).on('response', ({ statusCode }) => process.exit(statusCode === 502 ? 3 : 4));
    push.write('00', () => console.log('open'));`;
  const { execId } = await client.sandboxes.exec({
    id: working,
    argv: ['node', '-e', script],
    background: true,
  });
  await sh(working, 'touch /tmp/go');
  await until('the task is completed', async () => {
    task = await client.tasks.get({ id: task.id });
    return task.state !== 'running' && task.endedAt !== undefined;
  });
  expect(endOf(task)).toMatchObject(COMPLETED);
  expect((await client.sandboxes.get({ id: working })).state).toBe('running');
  expect(await gitAsked(working, working)).toBe(401);
  expect(await modelAsked(working, working)).toBe(401);
  const exits: unknown[] = [];
  for await (const part of client.sandboxes.logs({ id: working, execId }))
    if (part.kind === 'exit') exits.push(part.exitCode);
  expect(exits).toEqual([3]);
}, 120_000);
