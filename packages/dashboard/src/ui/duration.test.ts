import { expect, test } from 'vitest';
import { agoText, countingText, durationText } from './duration.ts';

test.each([
  [0, '0 ms'],
  [-5, '0 ms'],
  [640, '640 ms'],
  [12_340, '12.3 s'],
  [60_000, '1 min'],
  [245_000, '4 min 5 s'],
  [7_800_000, '2 h 10 min'],
  [90_000_000, '1 d 1 h'],
])('%d ms last %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test.each([
  [-20, '0 s'],
  [900, '0 s'],
  [59_999, '59 s'],
  [61_000, '1 min 1 s'],
])('%d ms so far are %s', (ms, text) => {
  expect(countingText(ms)).toBe(text);
});

test.each([
  [4999, 'just now'],
  [12_500, '12 s ago'],
  [245_000, '4 min ago'],
  [260_000_000, '3 d ago'],
])('%d ms ago is %s', (ms, text) => {
  expect(agoText(ms)).toBe(text);
});
