import assert from 'node:assert/strict';
import { test } from 'node:test';
import { split } from '../src/split.js';

const sum = (parts) => parts.reduce((total, part) => total + part, 0);

test('splits evenly when it can', () => {
  assert.deepEqual(split(90, 3), [30, 30, 30]);
});

test('loses no cent', () => {
  for (let total = 0; total < 50; total += 1) assert.equal(sum(split(total, 7)), total, `${total} over 7`);
});

test('nobody pays more than one cent more than anybody else', () => {
  for (let total = 0; total < 50; total += 1) {
    const parts = split(total, 7);
    assert.ok(Math.max(...parts) - Math.min(...parts) <= 1, `${total} over 7 gave ${parts}`);
  }
});

test('refuses what cannot be split', () => {
  assert.throws(() => split(1.5, 2), TypeError);
  assert.throws(() => split(10, 0), RangeError);
});
