/** Of packages that see neither the law nor what it is written with. */
import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { filesIn } from '../packages/dashboard/src/change/diff.ts';

test('the time to draw a diff grows with the diff', () => {
  const begins = ['diff --git ', 'diff --git a/x b/x\n+++ b/', 'diff --git a/x b/x\n@@'];
  // A mark that no `.` of a pattern takes.
  expect(slowText((text) => filesIn(`${text}\u2028`), { begins })).toBeUndefined();
});
