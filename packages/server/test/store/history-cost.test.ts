/**
 * What a task costs does not depend on how many there were before it: the core works through a few on the real store,
 * once beside little history and once beside much; every agent works well, so that all tasks are alike. No query that it asks reads through what has ended.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCore, createIds, INDEXES } from '@berth/core';
import { TERMINAL_STATES } from '@berth/core/laws';
import { createScriptedWorld } from '@berth/core/simulation';
import Database from 'better-sqlite3';
import { afterEach, expect, it, vi } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const TASKS = 8;
const STEP_MS = 1000;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A core that has worked through one task, on a store in a folder. */
const started = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-history-'));
  ends.push(() => rm(folder, { recursive: true }));
  const { clock, dice, ports } = createScriptedWorld(digest, { seed: 3, acts: ['good'] });
  const store = await openSqliteStore({ folder, clock });
  ends.push(() => store.close());
  const defaults = { ...ports.defaults, maxSandboxes: 1000 };
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports: { ...ports, defaults }, owner: 'test' });
  await core.start();
  ends.push(() => core.stop());
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  /** Milliseconds of the processor a task. */
  const work = async (tasks: number): Promise<number> => {
    const from = process.cpuUsage();
    for (let made = 0; made < tasks; made += 1) {
      const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
      const state = async () => (await store.read((tx) => tx.table('tasks').get(id)))?.state;
      while ((await state()) !== 'completed') await clock.advance(STEP_MS);
    }
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1000 / tasks;
  };
  await work(2);
  return { folder, store, core, clock, work };
};

/** Ended work, each row as often as asked, told apart by its id and by the ids that it is found by. */
const addHistory = async (folder: string, round: string, times: number): Promise<void> => {
  const database = new Database(join(folder, 'berth.db'));
  const broad = ['state', 'name', 'queue', 'role', 'routeId', 'workspaceId'];
  const kept = ['workspaces', 'settings', 'prebuilds', 'tokens', 'tokenSecrets', 'grants', 'leases'];
  const columnsOf = (table: string): string[] =>
    database
      .prepare(`select name from pragma_table_info('${table}')`)
      .all()
      .map((row) => (row as { name: string }).name);
  // Tried again and not waited for: the store, which may be in the middle of a write, is in this very thread.
  database.pragma('busy_timeout = 0');
  await vi.waitFor(() => database.exec('begin immediate'), 5000);
  for (const table of Object.keys(INDEXES).filter((name) => !kept.includes(name))) {
    const found: readonly string[] = Object.entries(INDEXES).find(([name]) => name === table)?.[1] ?? [];
    const resting = TERMINAL_STATES[table as keyof typeof TERMINAL_STATES];
    const own = ['id', ...found.filter((column) => !broad.includes(column))];
    const columns = columnsOf(table);
    const values = columns.map((name) =>
      own.includes(name) ? `"${name}" || '_${round}_' || n.i` : `"${name}"`,
    );
    const names = columns.map((name) => `"${name}"`).join(', ');
    database.exec(
      `insert into "${table}" (${names}) with recursive n(i) as (select 1 union all select i + 1 from n where i < ${times})
       select ${values.join(', ')} from "${table}", n
       where ${resting === undefined ? '1' : `state in (${resting.map((state) => `'${state}'`).join(', ')})`}`,
    );
  }
  database.exec('commit');
  database.close();
};

it('costs the same beside a hundred times as much history', { timeout: 120_000 }, async () => {
  const { folder, store, work } = await started();
  const ended = () => store.read((tx) => tx.table('tasks').count({ state: 'completed' }));
  await addHistory(folder, 'little', 50);
  const little = await work(TASKS);
  await addHistory(folder, 'much', Math.ceil(12_000 / (await ended())));
  expect(await ended()).toBeGreaterThan(10_000);
  const much = await work(TASKS);
  expect(much / little, `${much} ms a task beside much, ${little} ms beside little`).toBeLessThan(2);
});

/** All that a line of a plan may be: a search that leads to few rows, or rows in their order of which few are taken. */
const readsThrough = (statement: string, plan: readonly string[]): boolean =>
  plan.some((line) => {
    if (/^SCAN (?!CONSTANT)/.test(line)) return !/ limit \?$/.test(statement) || plan.some(isSort);
    return BROAD_INDEX.test(line);
  });
const isSort = (line: string): boolean => line.startsWith('USE TEMP B-TREE FOR ORDER BY');
const BROAD_INDEX = /USING (?:COVERING )?INDEX (?:sagas_by_name|jobs_by_queue_id|tasks_by_workspaceId)/;

it('asks nothing that reads through what has ended', { timeout: 60_000 }, async () => {
  const prepared = vi.spyOn(Database.prototype, 'prepare');
  ends.push(() => prepared.mockRestore());
  const { folder, core, clock, work } = await started();
  await work(1);
  await clock.through(core.reconcilers.runAll());
  const statements = new Set(prepared.mock.calls.map(([text]) => text));
  // Migrations are read once, at the start, and are few.
  const hot = [...statements].filter((text) => /^(select|update|delete) (?!.*"migrations")/.test(text));
  expect(hot.length).toBeGreaterThan(40);
  const database = new Database(join(folder, 'berth.db'));
  ends.push(() => database.close());
  const planOf = (text: string): string[] =>
    database
      .prepare(`explain query plan ${text}`)
      .all(...Array.from({ length: text.split('?').length - 1 }, () => ''))
      .map((row) => (row as { detail: string }).detail);
  const bad = hot
    .map((text) => ({ text, plan: planOf(text) }))
    .filter(({ text, plan }) => readsThrough(text, plan));
  expect(bad).toEqual([]);
});
