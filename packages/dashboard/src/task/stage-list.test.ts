import type { Event } from '@berth/contract';
import { expect, test } from 'vitest';
import { stagesOf } from './stage-list.ts';

const told = (seq: number, data: Event['data']): Event => ({
  seq,
  id: `ev_${'1'.repeat(20)}`,
  type: 'attempt.progressed',
  version: 1,
  at: seq * 100,
  subject: `at_${'1'.repeat(20)}`,
  data,
});

test('an end belongs to the newest beginning of its stage', () => {
  const steps = stagesOf([
    told(1, { stage: 'sandbox' }),
    told(2, { stage: 'sandbox', durationMs: 100 }),
    told(3, { stage: 'gate', detail: 'round 1' }),
    told(4, { stage: 'gate', durationMs: 0 }),
    told(5, { stage: 'gate' }),
    told(6, { stage: 7 }),
    told(7, { stage: 'unheard', durationMs: 5 }),
  ]);
  expect(steps).toEqual([
    { seq: 1, name: 'sandbox', startedAt: 100, durationMs: 100 },
    { seq: 3, name: 'gate', detail: 'round 1', startedAt: 300, durationMs: 0 },
    { seq: 5, name: 'gate', startedAt: 500 },
  ]);
});
