import { describe, expect, it } from 'vitest';
import { excessOf, JSON_BOUNDS, parseWithin } from './json-bounds.ts';

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('JSON from outside', () => {
  it.each([
    'null',
    '"[[["',
    '{"a":"\\"[[[","b":[1,2,{"c":"\\\\"}]}',
    nested(JSON_BOUNDS.depth),
    JSON.stringify({ text: `${'['.repeat(1000)}\\"\\\\` }),
    JSON.stringify(Array.from({ length: JSON_BOUNDS.members - 1 }, () => 0)),
  ])('is parsed within its bounds', (text) => {
    expect(parseWithin(text)).toEqual(JSON.parse(text));
  });

  it.each([
    [nested(JSON_BOUNDS.depth + 1), /^\[0\]\[0\].*…: nested more than 64 levels deep$/],
    [`{"a":[1,{"b":${nested(100_000)}}]}`, /^\.a\[1\]\.b\[0\]\[0\]\[0\]…: nested more than 64 levels deep$/],
    [`{"a":{"b":1},"c":[${'[],'.repeat(200_000)}0]}`, /^\.c\[\d+\]: more than 200000 members$/],
    [`{"${'k'.repeat(100)}\u001b":${nested(65)}}`, /^\.k{40}\[0\]/],
  ])('is refused with the place beyond them', (text, message) => {
    expect(() => parseWithin(text)).toThrow(message);
  });

  it('is looked at once, however it is made', () => {
    const size = 400_000;
    for (const text of [
      '"'.repeat(size),
      `"${'\\'.repeat(size)}`,
      `"${'\\"'.repeat(size / 2)}`,
      '{'.repeat(size),
    ]) {
      let looks = 0;
      const watched = {
        length: text.length,
        charCodeAt: (at: number) => {
          looks += 1;
          return text.charCodeAt(at);
        },
        indexOf: (part: string, from: number) => {
          const found = text.indexOf(part, from);
          looks += (found < 0 ? text.length : found) - from + 1;
          return found;
        },
        slice: (from: number, to: number) => text.slice(from, to),
      };
      excessOf(watched as unknown as string);
      expect(looks / size).toBeLessThan(4);
    }
  });
});
