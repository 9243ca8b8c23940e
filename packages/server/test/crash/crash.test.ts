/**
 * The server is killed before and after each step of what it does, forth and back, and started again: the task ends as
 * it would have, its work has landed once or not at all, and nothing is left over (invariants 5 and 6). The points come
 * from the definitions, so a step that is added is covered the day it is written.
 */
import { crashPointsOf, SAGAS } from '@berth/core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  agentFails,
  gateIsRed,
  givenUp,
  lands,
  landsBuilt,
  landsPrepared,
  overtaken,
  type Story,
  setupFails,
} from './stories.ts';
import { createTrial, type Trial } from './trial.ts';

const LANES = 2;
vi.setConfig({ maxConcurrency: LANES });

const free: Trial[] = [];
beforeAll(async () => {
  free.push(...(await Promise.all(Array.from({ length: LANES }, createTrial))));
}, 120_000);
afterAll(async () => {
  // One that finds something left must not keep the others from cleaning up.
  const ends = await Promise.allSettled(free.map((trial) => trial.end()));
  expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))).toEqual([]);
}, 120_000);

type Saga = (typeof SAGAS)[number];
const isForth = (point: string): boolean => /\/(before-do|after-do|after-done)$/.test(point);
const isBack = (point: string): boolean => /\/(before-undo|after-undo|after-undone)$/.test(point);

/** In a step that does nothing but write, there is no moment between before and after. */
const differs = ({ stages }: Saga, point: string): boolean => {
  const [, name, moment] = point.split('/');
  const step = stages.flatMap(({ steps }) => steps.map((one) => one)).find((one) => one.name === name);
  if (moment === 'after-do') return step?.do !== undefined;
  return moment !== 'after-undo' || typeof step?.undo === 'function';
};

const pointsOf = (saga: Saga, isMeant: (point: string) => boolean): string[] =>
  crashPointsOf(saga).filter((point) => isMeant(point) && differs(saga, point));

/**
 * Deaths in one story. A job is given up when the server died three times with it at one place of its journal, and from
 * the end of a step to the next one's end there are up to three points: every other point is another story's.
 */
const DEATHS = 4;

const cover = (story: Story, points: readonly string[]): void => {
  for (const rest of [0, 1]) {
    const alternate = points.filter((_, index) => index % 2 === rest);
    for (let at = 0; at < alternate.length; at += DEATHS) dies(story, alternate.slice(at, at + DEATHS));
  }
};

const dies = (story: Story, points: readonly string[]): void => {
  const name = points.map((point) => point.slice(point.indexOf('/') + 1)).join(' and ');
  test.concurrent(name, { timeout: 90_000 }, async () => {
    const trial = free.pop() ?? (await createTrial());
    await trial.dieAt(story, points).finally(() => free.push(trial));
  });
};

const FORTH: Readonly<Record<string, Story>> = {
  'workspace.prepare@1': landsPrepared,
  'gate.command@1': landsBuilt,
};

describe.each(SAGAS.map((saga) => ({ name: saga.name, saga })))(
  '$name, when the server dies at',
  ({ saga }) => {
    cover(FORTH[saga.name] ?? lands, pointsOf(saga, isForth));
  },
);

/**
 * What makes each saga turn back, and the steps whose undo it does not reach. A part of a gate turns back only with
 * its sandbox or by a cancel; its laws and the simulation cover that.
 */
const BACK: Readonly<Record<string, { readonly story: Story; readonly beyond?: string }>> = {
  'sandbox.create@1': { story: setupFails },
  'workspace.prepare@1': { story: setupFails },
  'agent.turn@1': { story: agentFails },
  'task.run@2': { story: agentFails },
  'change.land@2': { story: gateIsRed, beyond: 'advance' },
};

const TURNING = SAGAS.filter(({ name }) => name in BACK);
describe.each(TURNING.map((saga) => ({ name: saga.name, saga })))('$name, during undo', ({ saga }) => {
  const { story, beyond } = BACK[saga.name] ?? { story: agentFails };
  // Steps are undone from the last to the first.
  const steps = saga.stages.flatMap((stage) => stage.steps.map(({ name }) => name)).toReversed();
  cover(
    story,
    steps.flatMap((step) =>
      pointsOf(saga, (point) => isBack(point) && step !== beyond && point.split('/')[1] === step),
    ),
  );
});

describe('change.land@2, overtaken by another landing', () => {
  dies(overtaken, ['change.land@2/gate/after-done', 'change.land@2/advance/after-undo']);
});

describe('a task in which the server dies too often', () => {
  test.concurrent.each(['change.land@2/gate/before-do', 'agent.turn@1/work/after-do'])(
    'at %s is given up and leaves nothing',
    { timeout: 90_000 },
    async (death) => {
      const trial = free.pop() ?? (await createTrial());
      await trial.dieAt(givenUp, [death, death, death]).finally(() => free.push(trial));
    },
  );

  test.concurrent('but gets on between the deaths lands', { timeout: 90_000 }, async () => {
    const deaths = [
      'sandbox.create@1/machine/after-do',
      'agent.turn@1/work/after-do',
      'change.land@2/merge/before-do',
      'change.land@2/gate/after-do',
    ];
    const trial = free.pop() ?? (await createTrial());
    await trial.dieAt(lands, deaths).finally(() => free.push(trial));
  });
});
