/**
 * Flags from schemas: each field of a route's query and body becomes a flag with its type, choices and parser.
 * Durations drop their unit (`ttlMs` is `--ttl 30s`). Lists of strings are separated by commas. Nested values are given as JSON, as `key=value,…`, as one word
 * where it identifies the variant (`--egress packages`), or as a list where a variant is a list (`--egress
 * a.org,b.org`).
 */
import { fail, jsonProblem, ROUTES, type RouteId, type RouteShape } from '@berth/contract';
import { z } from 'zod';

export interface Flag {
  readonly field: string;
  /** `--keep-alive <duration>`. */
  readonly syntax: string;
  readonly meaning: string;
  readonly required: boolean;
  readonly choices?: readonly string[];
  readonly read: (text: string) => unknown;
  /** Present without a value. */
  readonly isSwitch: boolean;
}

type Properties = Readonly<Record<string, JsonSchema>>;

interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Properties;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

export const flagsOf = (route: RouteShape): Flag[] =>
  [route.query, route.body].flatMap((schema) => (schema === undefined ? [] : flagsOfObject(schema)));

/** The flag of one field, for commands that do more than call one route. */
export const flagFor = (id: RouteId, field: string): Flag => {
  const flag = ROUTES.filter((one) => one.id === id)
    .flatMap(flagsOf)
    .find((one) => one.field === field);
  // Ids come from ROUTES; an unknown field fails the first test that loads the command.
  return flag as Flag;
};

const flagsOfObject = (schema: z.ZodObject): Flag[] => {
  const root = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as JsonSchema;
  return Object.entries(root.properties ?? {}).map(([field, property]) => {
    const { items, ...schema } = resolved(property, root);
    const whole = items === undefined ? schema : { ...schema, items: resolved(items, root) };
    return flagOf(field, whole, root.required?.includes(field) ?? false);
  });
};

const resolved = (schema: JsonSchema, root: JsonSchema): JsonSchema => {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (root.$defs?.[name] ?? schema);
};

const flagOf = (field: string, schema: JsonSchema, required: boolean): Flag => {
  const name = dashed(field);
  const base = { field, required, isSwitch: false };
  const make = (value: string, meaning: string, read: Flag['read']): Flag => ({
    ...base,
    syntax: `--${name} <${value}>`,
    meaning,
    read,
  });
  if (schema.enum !== undefined)
    return {
      ...make(
        schema.enum.length > 4 ? 'name' : schema.enum.join('|'),
        `one of ${schema.enum.join(', ')}`,
        (text) => text,
      ),
      choices: schema.enum,
    };
  if (schema.type === 'boolean')
    return { ...base, syntax: `--${name}`, meaning: '', read: () => true, isSwitch: true };
  if (field.endsWith('Ms'))
    return make('duration', 'such as 500ms, 30s, 10m, 2h, 1d', (text) => durationMs(field, text));
  if (schema.type === 'integer' || schema.type === 'number')
    return make('number', rangeOf(schema), (text) => numberOf(field, text));
  if (schema.type === 'string') return make('text', '', (text) => text);
  if (schema.type === 'array' && schema.items?.type === 'string') return make('a,b,…', 'a list', listOf);
  const variants = variantsOf(schema);
  return make('value', variants === undefined ? 'JSON or key=value,…' : choiceOf(variants), (text) =>
    nested(field, text, variants),
  );
};

const listOf = (text: string): string[] => text.split(',').map((one) => one.trim());

export const dashed = (field: string) =>
  field
    .replace(/Ms$/, '')
    .replace(/Id$/, '')
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const rangeOf = ({ minimum, maximum }: JsonSchema) =>
  maximum === undefined || maximum > 1e9 ? '' : `${minimum ?? 0} to ${maximum}`;

/** A discriminated union of objects. */
interface Variants {
  readonly key: string;
  /** Variants with no other field. */
  readonly words: readonly string[];
  /** The variant with a list of strings besides. */
  readonly list?: { readonly word: string; readonly field: string } | undefined;
}

const variantsOf = (schema: JsonSchema): Variants | undefined => {
  const options = (schema.oneOf ?? schema.anyOf ?? []).map(({ properties = {} }) => properties);
  const key = Object.keys(options[0] ?? {}).find((name) =>
    options.every((properties) => properties[name]?.const !== undefined),
  );
  if (key === undefined) return undefined;
  const wordOf = (properties: Properties) => String(properties[key]?.const);
  const listIn = (properties: Properties) =>
    Object.entries(properties).find(
      ([, { type, items }]) => type === 'array' && items?.type === 'string',
    )?.[0];
  const [list] = options.flatMap((properties) => {
    const field = listIn(properties);
    return field === undefined ? [] : [{ word: wordOf(properties), field }];
  });
  return { key, list, words: options.map(wordOf).filter((word) => word !== list?.word) };
};

const choiceOf = ({ words, list }: Variants): string =>
  [...words, ...(list === undefined ? [] : [`a list to ${list.field} (a,b,…)`]), 'or JSON'].join(', ');

const invalid = (field: string, message: string) =>
  fail('request.invalid', { issues: [{ path: `--${dashed(field)}`, message }] });

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const durationMs = (field: string, text: string): number => {
  const [, amount, unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (amount === undefined)
    throw invalid(field, `must be a duration such as 500ms, 30s, 10m, 2h or 1d, not "${text}"`);
  return Math.round(Number(amount) * (UNITS_MS[unit] ?? 1));
};

export const numberOf = (field: string, text: string): number => {
  if (!/^-?\d+(?:\.\d+)?$/.test(text)) throw invalid(field, `must be a number, not "${text}"`);
  return Number(text);
};

const nested = (field: string, text: string, variants: Variants | undefined): unknown => {
  if (/^[[{]/.test(text)) return json(field, text);
  if (text.includes('=')) return Object.fromEntries(text.split(',').map((pair) => pairOf(field, pair)));
  if (variants !== undefined) return variantBy(text, variants);
  throw invalid(field, 'must be JSON or key=value,…');
};

const variantBy = (text: string, { key, words, list }: Variants): unknown =>
  words.includes(text) || list === undefined
    ? { [key]: text }
    : { [key]: list.word, [list.field]: listOf(text) };

const json = (field: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(field, jsonProblem(error));
  }
};

const pairOf = (field: string, pair: string): [string, unknown] => {
  const [key = '', value] = pair.split('=', 2);
  if (key === '' || value === undefined) throw invalid(field, `must be key=value,…, not "${pair}"`);
  return [key, /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value];
};
