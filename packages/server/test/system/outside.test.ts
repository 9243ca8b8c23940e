/**
 * Sources that never answer: they hold up nobody but who asked for them, and what waits for them ends when it is given
 * up, when the server stops and when it is killed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { createSilentRemote, type SilentRemote } from './silent-remote.ts';
import { COMPLETED, endOf, followTask, steps } from './tasks.ts';

let world: SystemWorld;
let remote: SilentRemote;
beforeAll(async () => {
  world = await createWorld({ env: { BERTH_DRIVER: 'oci', BERTH_AGENT: 'scripted' } });
  remote = await createSilentRemote(world.folder);
  makeRepository(world.folder, 'far', { 'a.txt': 'a\n' });
}, 120_000);
afterAll(async () => {
  await world?.end();
  await remote?.end();
}, 120_000);
afterEach(() => remote.answer(0));

const gate = { commands: [{ name: 'check', run: 'true' }] };
const far = () => `git://127.0.0.1:${remote.port}/far`;

/** Programs of git that speak with the remote about a repository. */
const speakers = (name: string): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandOf(Number(pid)))
    .filter((command) => command.includes('git') && command.includes(`127.0.0.1:${remote.port}/${name}`));

/** Empty when it has ended meanwhile. */
const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
};

/** What lies in the hub, below its workspaces. */
const copies = (): readonly string[] => {
  const hub = join(world.home, 'hub');
  const workspaces = readdirSync(hub).filter(
    (name) => name.startsWith('ws_') || name.startsWith('.removing'),
  );
  return workspaces.flatMap((name) => readdirSync(join(hub, name)));
};

test('a source that falls silent keeps the tasks of nobody else waiting', async () => {
  const { client } = world;
  remote.answer(2);
  const slow = await client.workspaces.create({ repositories: [{ source: far() }], gate });
  const source = makeRepository(world.folder, 'near', { 'a.txt': 'a\n' });
  const quick = await client.workspaces.create({ repositories: [{ source }], gate });
  const { lastSeq } = await client.system.stats();
  const prompt = (name: string) => steps({ write: { path: name, content: 'b\n' } });
  const wanted = [slow, slow, slow, slow, quick].map(({ id: workspaceId }, index) => ({
    workspaceId,
    prompt: prompt(`${index}.txt`),
  }));
  const tasks = await Promise.all(wanted.map((task) => client.tasks.create(task)));
  await until('the remote is asked', () => remote.waiting() > 0);
  for (const { id } of tasks) expect(endOf((await followTask(client, id, lastSeq)).task)).toEqual(COMPLETED);
}, 120_000);

test('an import from it ends with its caller, and with all that it started', async () => {
  const giveUp = new AbortController();
  const repositories = [{ source: `https://127.0.0.1:${remote.port}/silent.git` }];
  const made = world.client.workspaces.create({ repositories }, { signal: giveUp.signal });
  await until('git asks the remote', () => speakers('silent').length > 1);
  giveUp.abort();
  await expect(made).rejects.toThrow();
  await until('no git is left', () => speakers('silent').length === 0, 5000);
}, 60_000);

/** An import whose copy has begun and will never be complete. */
const beginImport = async (name: string): Promise<void> => {
  remote.answer(1);
  const made = world.client.workspaces.create({ name, repositories: [{ source: far(), name }], gate });
  made.catch(() => undefined);
  await until('the copy has begun', () => copies().some((entry) => entry.startsWith(`.importing-${name}`)));
  await until('git waits for the remote', () => speakers('far').length > 0);
};

test('a stop in the middle of an import takes seconds, and leaves neither programs nor a half-made copy', async () => {
  await beginImport('stopped');
  const before = Date.now();
  expect(await world.stop('SIGTERM')).toBe(0);
  expect(Date.now() - before).toBeLessThan(10_000);
  expect(speakers('far')).toEqual([]);
  expect(copies().filter((entry) => entry.includes('stopped'))).toEqual([]);
  await world.start();
}, 60_000);

test('a server that is killed takes its programs with it, and the next one removes the half-made copy', async () => {
  await beginImport('killed');
  await world.stop('SIGKILL');
  await until('no git is left', () => speakers('far').length === 0, 5000);
  await world.start();
  await until(
    'the half-made copy is gone',
    () => !copies().some((entry) => entry.includes('killed')),
    10_000,
  );
  expect([...copies()].sort()).toEqual(['far.git', 'near.git']);
}, 60_000);
