/**
 * Stored values must read back unchanged: plain JSON, with nothing that serialization would drop or alter.
 */
import type { Json } from '@berth/plugin-api';
import { assert } from './assert.ts';

/**
 * Returns a copy that contains only JSON. Undefined fields are omitted; anything else that JSON cannot
 * represent (dates, maps, functions, NaN, sparse arrays) is rejected with its path.
 */
export const toJson = (value: unknown, path: string): Json => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    assert(Number.isFinite(value), `${path} is ${value}, which JSON cannot say`);
    return value;
  }
  if (Array.isArray(value)) return Array.from(value, (item: unknown, at) => toJson(item, `${path}[${at}]`));
  assert(isPlainObject(value), `${path} is not JSON (${typeof value})`);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, toJson(field, `${path}.${name}`)]),
  );
};

const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
