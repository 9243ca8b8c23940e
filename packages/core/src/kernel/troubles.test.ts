import { expect, test } from 'vitest';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createTroubles } from './troubles.ts';

test('what is not kept is not told at every try, and once that there is more', () => {
  const told: string[] = [];
  const warn = (event: string) => void told.push(event);
  const nothing = () => undefined;
  const log = { debug: nothing, info: nothing, warn, error: nothing };
  const troubles = createTroubles({ clock: createManualClock(), log });
  for (let pass = 0; pass < 3; pass += 1)
    for (let count = 0; count < 300; count += 1) troubles.note(`sandbox ${count}`, new Error('no'));
  expect(troubles.list()).toHaveLength(200);
  expect(told).toEqual([...Array<string>(200).fill('reconcile.left'), 'reconcile.more_left']);
});
