/**
 * What an installation at rest must not have: a process, mount, control group, file, row or ref that no record owns
 * (invariant 5). It is looked for from outside: in /proc, in the file system, in git, and in the database past the
 * server. Each finding is one sentence, so an empty list is the promise kept.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Attempt, Change, Workspace } from '@berth/contract';
import type { Prebuild } from '@berth/core';
import { TERMINAL_STATES } from '@berth/core/laws';
import Database from 'better-sqlite3';
import { hubOf, refsOf } from '../system/repository.ts';

/** With the server running, it and its own children are expected; after a stop nothing is. */
export const leftoversOf = (home: string, server?: number): string[] => {
  const rows = readerOf(home);
  return [
    ...unfinished(rows),
    ...processes(home, server),
    ...groups(rows),
    ...folders(rows, home),
    ...refs(rows),
  ];
};

/** The rows of a table, in the order of their ids. */
type Rows = <T = { readonly id: string }>(table: string) => T[];

export const readerOf =
  (home: string): Rows =>
  (table) => {
    const database = new Database(join(home, 'berth.db'), { readonly: true });
    try {
      const found = database.prepare(`select id, body from "${table}" order by id`).all();
      // What the server wrote, of the type that the caller knows the table by.
      return (found as { id: string; body: string }[]).map(({ id, body }) => ({ id, ...JSON.parse(body) }));
    } finally {
      database.close();
    }
  };

const unfinished = (rows: Rows): string[] => [
  ...Object.entries<readonly string[]>(TERMINAL_STATES).flatMap(([table, resting]) =>
    rows<{ id: string; state: string; stuckAt?: object }>(table)
      .filter(({ state }) => !resting.includes(state))
      .map(({ id, state, stuckAt }) => `${table}: ${id} is ${state} ${JSON.stringify(stuckAt) ?? ''}`),
  ),
  ...rows<{ id: string }>('grants').map(({ id }) => `the grant ${id} is left`),
];

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  readonly isOurs: boolean;
}

/** By arguments, environment, or a mount of the home: a process inside a sandbox shows at least the last. */
const processes = (home: string, server: number | undefined): string[] => {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => lookAt(Number(pid), home));
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const belongs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === server || belongs(parents.get(pid)));
  const left = all.filter(({ pid, isOurs }) => isOurs && !belongs(pid));
  return [
    ...left.map(({ pid, command }) => `process ${pid} is left: ${command}`),
    ...textOf('/proc/self/mountinfo')
      .split('\n')
      .filter((line) => line.includes(home))
      .map((line) => `a mount is left: ${line}`),
  ];
};

const lookAt = (pid: number, home: string): Process => {
  const stat = textOf(`/proc/${pid}/stat`);
  const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  const mounts = textOf(`/proc/${pid}/mountinfo`);
  const isOurs = pid !== process.pid && `${command}${textOf(`/proc/${pid}/environ`)}${mounts}`.includes(home);
  // The name before the last bracket may hold anything; the parent is the second field after it.
  return { pid, parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command, isOurs };
};

/** Empty when there is none, or none any more. */
const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** The driver names its control groups after installation and sandbox. */
const groups = (rows: Rows): string[] => {
  const installation = rows<{ id: string; value: string }>('settings').find(
    ({ id }) => id === 'installation',
  );
  const ours = new Set(
    rows<{ id: string }>('sandboxes').map(
      ({ id }) =>
        `berth-${createHash('sha256').update(`${installation?.value}\0${id}`).digest('hex').slice(0, 24)}`,
    ),
  );
  const root = '/sys/fs/cgroup';
  const places = ['', ...readdirSync(root)].map((name) => join(root, name));
  return places.flatMap((place) =>
    namesIn(place)
      .filter((name) => ours.has(name))
      .flatMap((name) => [name, ...commandsOf(join(place, name)).map((nested) => join(name, nested))])
      .map((name) => `the control group ${join(place, name)} is left`),
  );
};

/** Groups of single commands below a sandbox's. */
const commandsOf = (group: string): string[] => namesIn(group).filter((name) => name.startsWith('exec-'));

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const folders = (rows: Rows, home: string): string[] => {
  const driver = join(home, 'drivers', 'oci');
  const layers = rows<Prebuild>('prebuilds').map(({ layer }) => layer);
  return [
    ...['sandboxes', 'state', 'trash'].flatMap((name) =>
      namesIn(join(driver, name)).map((entry) => `the driver's ${name}/${entry} is left`),
    ),
    ...namesIn(join(driver, 'layers'))
      .filter((layer) => !layers.includes(layer))
      .map((layer) => `the layer ${layer} is nobody's`),
  ];
};

/** Task branches with saved work, saved turns, and of what landed the merge and the revert point: these stay. */
const refs = (rows: Rows): string[] => {
  const attempts = rows<Attempt>('attempts');
  const merged = rows<Change>('changes').flatMap(({ id, state }) => (state === 'merged' ? [id] : []));
  const turns = attempts.map(({ id }) => id);
  return rows<Workspace>('workspaces').flatMap((workspace) => {
    const hub = hubOf(workspace);
    const found = Object.entries(refsOf(hub, 'refs'));
    const saved = found.flatMap(([ref, commit]) => (ref.startsWith('refs/berth/turns/') ? [commit] : []));
    const isDue = ([ref, commit]: [string, string]): boolean => {
      const [, kind = '', group = '', id = ''] = ref.split('/');
      if (kind === 'heads') return group !== 'task' || saved.includes(commit);
      return (group === 'turns' ? turns : merged).includes(id);
    };
    return [
      ...found.filter((entry) => !isDue(entry)).map(([ref]) => `the ref ${ref} is left`),
      ...readdirSync(hub, { recursive: true, encoding: 'utf8' })
        .filter((path) => /\.lock$|(^|\/)tmp_|incoming-/.test(path))
        .map((path) => `git left ${join(hub, path)}`),
    ];
  });
};
