import { expect, test } from 'vitest';
import { z } from 'zod';
import { ROUTES } from './api.ts';
import type { RouteShape } from './kernel/route.ts';
import { issuesIn, jsonPath, problemsIn } from './problems.ts';

/** Words of the library, and of the language that it is written in. */
const LIBRARY_WORDS =
  /expected|received|invalid|too (?:small|big)|unrecognized|discriminator|pattern|regex|NaN|undefined|\b(?:string|int|boolean|array|record|union|enum)\b|taken here|another kind/i;

interface Shape {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Shape>>;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly propertyNames?: Shape;
}

const WRONG_KINDS = [[], {}, 'text', '', 1.5, true, null];
const MOST_CHARACTERS = 200_000;

/** Values that break one rule each, at every depth. */
const wrongOf = (shape: Shape, root: Shape): unknown[] => {
  const inner = (one: Shape | undefined): unknown[] => (one === undefined ? [] : wrongOf(one, root));
  if (shape.$ref !== undefined) return inner(root.$defs?.[shape.$ref.split('/').at(-1) ?? '']);
  const { minimum, maximum, maxLength = 0, maxItems, minItems, pattern, items, properties = {} } = shape;
  return [
    ...WRONG_KINDS,
    ...(minimum === undefined ? [] : [minimum - 1, String(minimum - 1)]),
    ...(maximum === undefined ? [] : [maximum + 1, String(maximum + 1)]),
    ...(shape.type === 'string' && maxLength < MOST_CHARACTERS ? ['x'.repeat(maxLength + 1)] : []),
    ...(pattern === undefined && shape.enum === undefined ? [] : [' \u0000!', '-']),
    ...(minItems === undefined ? [] : [[]]),
    ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, () => 'a')]),
    ...inner(items).map((value) => [value]),
    ...Object.entries(properties).flatMap(([name, one]) => inner(one).map((value) => ({ [name]: value }))),
    ...(shape.propertyNames === undefined ? [] : [{ ' \u0000!': 'x' }]),
    ...[...(shape.anyOf ?? []), ...(shape.oneOf ?? [])].flatMap((one) => withKind(one, inner(one))),
  ];
};

/** Of a shape that one field tells from others, with that field. */
const withKind = ({ properties = {} }: Shape, values: readonly unknown[]): unknown[] => {
  const kinds = Object.entries(properties).filter(([, one]) => 'const' in one);
  const kind = Object.fromEntries(kinds.map(([name, one]) => [name, (one as { const: unknown }).const]));
  return values.map((value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...kind, ...value } : value,
  );
};

test.each((ROUTES as readonly RouteShape[]).map((route) => [route.id, route] as const))(
  'every problem of a request to %s is told in plain words',
  (_, route) => {
    for (const [part, schema] of Object.entries({
      params: route.params,
      query: route.query,
      body: route.body,
    })) {
      if (schema === undefined) continue;
      const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;
      for (const value of [...wrongOf(root, root), { colour: 'red' }]) {
        const { error } = schema.safeParse(value);
        for (const { path, message } of error === undefined ? [] : issuesIn(part, error, value)) {
          expect(path).toMatch(new RegExp(`^${part}`));
          expect(message, `${path} for ${JSON.stringify(value).slice(0, 200)}`).not.toMatch(LIBRARY_WORDS);
          expect(message).toMatch(/^(?:must|has|is) /);
        }
      }
    }
  },
);

test('what a value is and should be stands in the sentence, with its place', () => {
  const schema = z.strictObject({
    limits: z.strictObject({ cpus: z.number().min(0.1).max(4) }),
    commands: z.array(z.union([z.string(), z.strictObject({ run: z.string().min(1) })])).max(3),
    mode: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('a') }),
      z.strictObject({ kind: z.literal('b') }),
    ]),
    role: z.enum(['viewer', 'owner']),
    env: z.record(z.string().regex(/^[A-Z]+$/, 'must be capitals'), z.string()),
  });
  const value = {
    limits: { cpus: 'many', disk: 1 },
    commands: [7, { run: '' }, 'ok'],
    mode: { kind: 'c' },
    env: { a: '1' },
  };
  const { error } = schema.safeParse(value);
  const told = problemsIn(error as z.ZodError, value).map(
    ({ path, message }) => `${jsonPath(path)} ${message}`,
  );
  expect(told).toEqual([
    'limits.cpus must be a number, not "many"',
    'limits.disk is not a known field',
    'commands[0] must be a text or an object, not 7',
    'commands[1].run must not be empty',
    'mode.kind must be one of a, b',
    'role is missing',
    'env.a has a name that must be capitals',
  ]);
});
