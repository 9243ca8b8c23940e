import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tailOf, tailOfBoth } from './text-tail.ts';

const bytes = (text: string) => Buffer.byteLength(text);

test('a tail is the end of the text, within its bytes, and never half a character', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.integer({ min: 0, max: 300 }),
      (text, max) => {
        const tail = tailOf(text, max);
        expect(bytes(tail)).toBeLessThanOrEqual(Math.max(max, 0));
        expect(text.endsWith(tail)).toBe(true);
        if (bytes(text) <= max) expect(tail).toBe(text);
      },
    ),
  );
});

test('both streams share the room; errors keep at least half of it', () => {
  const tail = tailOfBoth('o'.repeat(1000), 'e'.repeat(1000), 200);
  expect(bytes(tail)).toBeLessThanOrEqual(200);
  expect(tail.match(/e+$/)?.[0].length).toBeGreaterThanOrEqual(80);
  expect(tail).toMatch(/^o+\n--- stderr ---\ne+$/);
});

test('a short output leaves its room to the other', () => {
  expect(tailOfBoth('ok', 'e'.repeat(1000), 200)).toMatch(/^ok\n--- stderr ---\ne{150,}$/);
  expect(tailOfBoth('o'.repeat(1000), '', 200)).toBe('o'.repeat(200));
  expect(tailOfBoth('  ', 'bad', 200)).toBe('bad');
});
