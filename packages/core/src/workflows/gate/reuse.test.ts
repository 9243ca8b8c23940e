import { createHash } from 'node:crypto';
import type { GateRun } from '@berth/contract';
import { expect, test } from 'vitest';
import { createManualClock, createMemoryStore } from '../../../testing/index.ts';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';
import { EVIDENCE_GOOD_MS, findEvidence } from './reuse.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const detailOf = (data: object): string | undefined => ('detail' in data ? String(data.detail) : undefined);

/** One task, whose target moves to another commit at the moment at which its change would land. */
const raced = async (treeOfOther: (tree: Readonly<Record<string, string>>) => Record<string, string>) => {
  const world = createScriptedWorld(digest, { seed: 9, acts: ['good'], setup: false });
  const { clock, store, dice, ports, hub } = world;
  const { swap } = hub;
  let races = 1;
  ports.hub.swap = async (...[workspaceId, repository, ref, from, to]) => {
    if (ref === 'refs/heads/main' && from !== undefined && races > 0) {
      races -= 1;
      const other = hub.commit(repository, {
        parents: [from],
        tree: treeOfOther(hub.look(repository, from).tree),
      });
      await swap(workspaceId, repository, ref, from, other);
    }
    return swap(workspaceId, repository, ref, from, to);
  };
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'test' });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
  await clock.advance(60_000);
  await core.stop();
  return store.read(async (tx) => {
    const sagas = await tx.table('sagas').list();
    const events = await tx.events({ afterSeq: 0, limit: 1000, type: 'attempt.progressed' });
    return {
      task: await tx.table('tasks').get(id),
      gateRuns: await tx.table('gateRuns').list(),
      // Those of the target itself are nobody's attempt.
      parts: sagas.filter(({ name, input }) => name.startsWith('gate.check@') && 'attemptId' in Object(input))
        .length,
      told: events.flatMap(({ data }) => (detailOf(data)?.startsWith('reused') ? [detailOf(data)] : [])),
    };
  });
};

test('a change that lost a race to a commit with the same files lands by the verdict that it has', async () => {
  const { task, gateRuns, parts, told } = await raced((tree) => ({ ...tree }));
  expect({ state: task?.state, parts }).toEqual({ state: 'completed', parts: 1 });
  const [first, second] = gateRuns;
  expect(gateRuns).toMatchObject([
    { state: 'green', inputHash: second?.inputHash, planHash: second?.planHash },
    { state: 'green', reusedFrom: first?.id, sandboxId: first?.sandboxId, evidence: first?.evidence },
  ]);
  expect(second?.commits).not.toEqual(first?.commits);
  expect(told).toEqual([`reused from ${first?.id}`]);
});

test('to one with other files it is judged anew', async () => {
  const { task, gateRuns, parts, told } = await raced((tree) => ({ ...tree, other: 'new' }));
  expect({ state: task?.state, parts, told }).toEqual({ state: 'completed', parts: 2, told: [] });
  expect(gateRuns.map(({ reusedFrom }) => reusedFrom)).toEqual([undefined, undefined]);
});

const GREEN = {
  ...{ name: 'test', repository: 'app', command: 'npm test', judgedBy: 'target' as const },
  ...{ exitCode: 0, timedOut: false, outOfMemory: false, durationMs: 1, logTail: '' },
};
const WEAKENED = { repository: 'app', subject: 'x', detail: 'x' };

/** What is found for `{ inputHash: 'i', planHash: 'p' }` beside these runs, oldest first, after some time. */
const foundAmong = async (runs: readonly Partial<GateRun>[], afterMs = 0) => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => new Uint8Array(bytes));
  const store = createMemoryStore({ clock, ids });
  await store.write(async (tx) => {
    for (const [index, run] of runs.entries())
      await tx.table('gateRuns').insert({
        ...{ id: `gr_${index}`, changeId: 'ch', sandboxId: 'sb', profile: 'standard', commits: {} },
        ...{ state: 'green', inputHash: 'i', planHash: 'p', evidence: [GREEN], ...run },
      });
  });
  await clock.advance(afterMs);
  return (await findEvidence({ store, clock }, { inputHash: 'i', planHash: 'p' }))?.gateRunId;
};

test.each<[string, Partial<GateRun>[], string | undefined]>([
  ['the very same, green', [{}], 'gr_0'],
  ['the newest of several', [{}, {}], 'gr_1'],
  ['one beside a run that came to no verdict', [{}, { state: 'broken', evidence: [] }], 'gr_0'],
  ['none that is under way', [{ state: 'running', evidence: [] }], undefined],
  ['none beside a red one, before or after it', [{ state: 'red' }, {}], undefined],
  ['none that is red', [{ state: 'red', evidence: [{ ...GREEN, exitCode: 1 }] }], undefined],
  ['none of another tree or workspace', [{ inputHash: 'j' }], undefined],
  ['none by another plan', [{ planHash: 'q' }], undefined],
  ['none of an older version, which says no plan', [{ planHash: undefined }], undefined],
  ['none that was reused itself', [{ reusedFrom: 'gr_x' }], undefined],
  ['none without evidence', [{ evidence: [] }], undefined],
  [
    'none in which the target’s own checks were red',
    [{ evidence: [GREEN, { ...GREEN, exitCode: 1 }] }],
    undefined,
  ],
  ['none whose target could not be set up', [{ weakened: [{ ...WEAKENED, kind: 'target_red' }] }], undefined],
  [
    'one that weakens what the next one is asked about anew',
    [{ weakened: [{ ...WEAKENED, kind: 'test_deleted' }] }],
    'gr_0',
  ],
])('found is %s', async (_, runs, expected) => {
  expect(await foundAmong(runs)).toBe(expected);
});

test('none that is older than what is outside of a sandbox may be trusted to stay', async () => {
  expect(await foundAmong([{}], EVIDENCE_GOOD_MS - 1)).toBe('gr_0');
  expect(await foundAmong([{}], EVIDENCE_GOOD_MS)).toBeUndefined();
  expect(await foundAmong([{}], -1)).toBeUndefined();
});
