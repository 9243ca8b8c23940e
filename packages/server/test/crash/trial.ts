/** One installation in which the server dies again and again: a story is begun, cut off at a point, and seen to its end. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Change, Task, Workspace } from '@berth/contract';
import { expect } from 'vitest';
import { git, hubOf, makeRepository, refsOf } from '../system/repository.ts';
import { createWorld, type SystemWorld, until } from '../system/server.ts';
import { followTask } from '../system/tasks.ts';
import { leftoversOf, readerOf } from './leftovers.ts';
import type { Story } from './stories.ts';

const PROGRAM = fileURLToPath(new URL('./crashing-server.ts', import.meta.url));
const ENDED: readonly string[] = ['completed', 'failed', 'cancelled'];
const LOG_TAIL_CHARACTERS = 3000;
const REST_TIMEOUT_MS = 20_000;

export interface Trial {
  /** Kills the server at each of the points, in order, and judges the end. */
  dieAt(story: Story, points: readonly string[]): Promise<void>;
  /** Stops the server and judges what is there without it. */
  end(): Promise<void>;
}

export const createTrial = async (): Promise<Trial> => {
  const world = await createWorld({
    program: PROGRAM,
    env: { BERTH_DRIVER: 'oci', BERTH_AGENT: 'scripted', BERTH_LOG_LEVEL: 'info' },
  });
  let stories = 0;
  return {
    dieAt: (story, points) =>
      tried(world, async () => {
        stories += 1;
        const source = makeRepository(world.folder, `story${stories}`, { 'answer.txt': 'none\n' });
        const workspace = await world.client.workspaces.create({
          repositories: [{ source }],
          ...story.workspace,
        });
        const { lastSeq } = await world.client.system.stats();
        plan(world, points[0]);
        const { id } = await world.client.tasks.create({
          workspaceId: workspace.id,
          prompt: story.prompt,
          maxRounds: 1,
          keepAliveMs: 0,
        });
        for (const [index, point] of points.entries()) {
          await death(world, id, point);
          const journal = journalOf(world);
          await story.meanwhile?.(workspace);
          plan(world, points[index + 1]);
          await world.start();
          expect(missing(journal, journalOf(world))).toEqual([]);
        }
        const { task } = await followTask(world.client, id, lastSeq);
        await rest(world);
        judge(world, { story, workspace, task });
      }),
    end: async () => {
      await world.stop('SIGTERM');
      const left = leftoversOf(world.home);
      await world.end();
      expect(left).toEqual([]);
    },
  };
};

/** After a failure the next story finds a server that runs, and the log tells what happened in this one. */
const tried = async (world: SystemWorld, act: () => Promise<void>): Promise<void> => {
  const from = world.log().length;
  try {
    await act();
  } catch (error) {
    rmSync(`${world.home}.crash`, { force: true });
    const said = world.log().slice(from).slice(-LOG_TAIL_CHARACTERS);
    await world.stop('SIGKILL');
    await world.start();
    throw new Error(`${String(error)}\nThe server said:\n${said}`, { cause: error });
  }
};

const plan = ({ home }: SystemWorld, point: string | undefined): void => {
  if (point !== undefined) writeFileSync(`${home}.crash`, point);
};

const death = async (world: SystemWorld, task: string, point: string): Promise<void> => {
  await until(`the server reaches ${point}`, async () => {
    if (!existsSync(`${world.home}.crash`)) return true;
    const now = await world.client.tasks.get({ id: task }).catch(() => undefined);
    if (now === undefined || !ENDED.includes(now.state)) return false;
    throw new Error(`the task ended as ${now.state} (${now.error?.message}) and never came by ${point}`);
  });
  await world.stop('SIGKILL');
};

/** The lines of the journal, as text. */
const journalOf = ({ home }: SystemWorld): readonly string[] =>
  readerOf(home)('journal').map((line) => JSON.stringify(line));

const missing = (before: readonly string[], after: readonly string[]): string[] => {
  const kept = new Set(after);
  return before.filter((line) => !kept.has(line));
};

const rest = async (world: SystemWorld): Promise<void> => {
  let left: readonly string[] = [];
  const isEmpty = () => {
    left = leftoversOf(world.home, world.pid);
    return left.length === 0;
  };
  await until('nothing is left', isEmpty, REST_TIMEOUT_MS).catch(() => undefined);
  expect(left).toEqual([]);
};

interface End {
  readonly story: Story;
  readonly workspace: Workspace;
  readonly task: Task;
}

const judge = (world: SystemWorld, { story, workspace, task }: End): void => {
  const { code, ...ends } = story.ends;
  expect({ state: task.state, code: task.error?.code, attempts: task.attempts }).toEqual({
    ...ends,
    code,
    attempts: 1,
  });
  const hub = hubOf(workspace);
  const landed = task.state === 'completed';
  const merges = git(hub, 'rev-list', '--first-parent', '--merges', 'main').split('\n').filter(Boolean);
  const changes = readerOf(world.home)<Change>('changes').filter(({ taskId }) => taskId === task.id);
  const merged = changes.filter(({ state }) => state === 'merged');
  expect(merges).toEqual(merged.map(({ parts: [part] }) => part?.merge));
  expect(merges).toHaveLength(landed ? 1 : 0);
  expect(git(hub, 'show', 'main:answer.txt')).toBe(landed ? 'right' : 'none');
  expect(Object.keys(refsOf(hub, 'refs/heads/task'))).toHaveLength(story.worked ? 1 : 0);
  expect(merged.map(({ id }) => id)).toEqual(landed ? [task.changeId] : []);
};
