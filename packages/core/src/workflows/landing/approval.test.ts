import { createHash } from 'node:crypto';
import type { Weakening } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createPorts } from '../../core.ts';
import { createIds, type Tx } from '../../kernel/index.ts';
import { allowWeakened } from './approval.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** More than a store lists at once. */
const EARLIER = 1001;
const WEAKENED: Weakening[] = [
  { kind: 'script_changed', repository: 'app', subject: 'ci/check.sh', detail: 'changed' },
];

test('the approval of the same work holds for its next landing, however many landings lie before it', async () => {
  const { clock, store, dice, ports } = createScriptedWorld(digest, { seed: 3 });
  const world = createPorts({
    ...{ store, clock, digest, ports, owner: 'test' },
    ids: createIds(clock, dice.bytes),
  });
  const { ids } = world;
  const of = { taskId: ids.new('task'), attemptId: ids.new('attempt'), title: 'Do it' };
  const parts = [{ repository: 'app', branch: 'task/a', target: 'main', head: 'a'.repeat(40) }];
  const insert = (tx: Tx, more: object) =>
    tx.table('changes').insert({ ...of, parts, id: ids.new('change'), state: 'rejected', ...more });
  const decision = { verdict: 'approved', by: 'a person', at: 1 } as const;
  const { id } = await store.write(async (tx) => {
    for (let made = 0; made < EARLIER; made += 1) await insert(tx, {});
    await insert(tx, { weakened: WEAKENED, decision });
    return insert(tx, { state: 'verifying' });
  });
  const asked = { changeId: id, taskId: of.taskId, gateRunId: ids.new('gateRun'), run: ids.new('saga') };
  await allowWeakened(world, { ...asked, policy: 'ask', weakened: WEAKENED });
  expect(await store.read((tx) => tx.table('changes').get(id))).toMatchObject({
    state: 'verifying',
    decision,
  });
});
