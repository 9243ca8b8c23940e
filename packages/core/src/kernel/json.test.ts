import { describe, expect, it } from 'vitest';
import { toJson } from './json.ts';

describe('JSON', () => {
  it('passes what reads back the same, as a copy without undefined fields', () => {
    const value = { a: [1, 'x', null, true, { b: -0.5 }], gone: undefined };
    const copy = toJson(value, 'v');
    expect(copy).toEqual({ a: [1, 'x', null, true, { b: -0.5 }] });
    expect(Object.keys(copy as object)).toEqual(['a']);
    expect(copy).not.toBe(value);
    expect(toJson(Object.assign(Object.create(null), { bare: 1 }), 'v')).toEqual({ bare: 1 });
  });

  it.each([
    ['NaN', Number.NaN],
    ['an infinite number', Number.POSITIVE_INFINITY],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a function', () => 1],
    ['a big number', 1n],
    ['undefined', undefined],
  ])('refuses %s, with the path to it', (_, value) => {
    expect(() => toJson({ list: [0, value] }, 'v')).toThrow('v.list[1] is');
  });

  it('refuses holes in lists', () => {
    expect(() => toJson(new Array(1), 'v')).toThrow('v[0]');
  });
});
