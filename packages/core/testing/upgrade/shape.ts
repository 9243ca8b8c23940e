/** What is written into journals, as a description that can be compared: kinds of values, fields, and which may be absent. */
import type { Json } from '@berth/plugin-api';

/** `string`, `number|null`; an array of one description; fields, `name?` where it may be absent, `*` for any name. */
export type Shape = string | readonly [Shape] | { readonly [field: string]: Shape };

/** Of an array without elements, or of a step without an output. */
const NOTHING = 'nothing';

/** Names of these are data: ids of repositories and paths. */
const isData = (field: string): boolean => field === 'app';

export const shapeOf = (values: readonly (Json | undefined)[]): Shape => {
  const objects = values.filter(isObject);
  const arrays = values.filter(isArray);
  if (objects.length > 0 && objects.length === values.length) return fieldsOf(objects);
  if (arrays.length > 0 && arrays.length === values.length) return [shapeOf(arrays.flat())];
  return [...new Set(values.map(kindOf))].sort().join('|') || NOTHING;
};

const fieldsOf = (objects: readonly Fields[]): Shape => {
  const fields: Record<string, Shape> = {};
  for (const field of [...new Set(objects.flatMap(Object.keys))].sort()) {
    const values = objects.flatMap((one) => (one[field] === undefined ? [] : [one[field]]));
    const name = isData(field) ? '*' : values.length < objects.length ? `${field}?` : field;
    fields[name] = shapeOf(values);
  }
  return fields;
};

type Fields = { readonly [field: string]: Json };
const isObject = (value: Json | undefined): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isArray = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
const kindOf = (value: Json | undefined): string => {
  if (value === undefined) return NOTHING;
  if (value === null) return 'null';
  return isArray(value) ? 'array' : typeof value;
};

/** Where what was seen is not what the record says. What it says may be absent need not be seen. */
export const differences = (recorded: Shape, seen: Shape, at: string): string[] => {
  if (seen === NOTHING && at.endsWith('[]')) return [];
  if (typeof recorded === 'string' || typeof seen === 'string') {
    const [kinds, known] = [seen, recorded].map((one) => (typeof one === 'string' ? one.split('|') : ['{}']));
    return (kinds ?? []).every((kind) => known?.includes(kind))
      ? []
      : [`${at} is ${textOf(seen)}, recorded as ${textOf(recorded)}`];
  }
  if (isList(recorded) || isList(seen)) {
    if (!isList(recorded) || !isList(seen))
      return [`${at} is ${textOf(seen)}, recorded as ${textOf(recorded)}`];
    return differences(recorded[0], seen[0], `${at}[]`);
  }
  const fields = new Map(Object.entries(recorded).map(([name, shape]) => [bare(name), { name, shape }]));
  const found = Object.entries(seen).flatMap(([name, shape]) => {
    const known = fields.get(bare(name));
    if (known === undefined) return [`${at}.${bare(name)} is new`];
    if (name.endsWith('?') && !known.name.endsWith('?')) return [`${at}.${bare(name)} may be absent now`];
    return differences(known.shape, shape, `${at}.${bare(name)}`);
  });
  const names = new Set(Object.keys(seen).map(bare));
  const gone = Object.keys(recorded).filter(
    (name) => !name.endsWith('?') && name !== '*' && !names.has(name),
  );
  return [...found, ...gone.map((name) => `${at}.${name} is gone`)];
};

const bare = (name: string): string => name.replace(/\?$/, '');
const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);
const textOf = (shape: Shape): string => JSON.stringify(shape).slice(0, 200);
