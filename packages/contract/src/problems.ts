/**
 * Validation problems in plain sentences: the only place that reads the schema library's issues, none of whose
 * wording is exposed. A custom message in a schema begins with "must"; any other is replaced.
 */
import type { z } from 'zod';
import type { Issue } from './error-catalogue-server.ts';

export interface Problem {
  readonly path: readonly PropertyKey[];
  /** Follows the name of the place: `must be a whole number, not "many"`. */
  readonly message: string;
}

type Raw = z.core.$ZodIssue;

/** For a text that is not JSON, with the position reported by the parser. */
export const jsonProblem = (error: unknown): string => {
  const said = error instanceof Error ? error.message : '';
  const [, place] = /\((line \d+ column \d+)\)/.exec(said) ?? [];
  if (place !== undefined) return `is not valid JSON at ${place}`;
  return said.includes('end of JSON') ? 'is not valid JSON: unexpected end' : 'is not valid JSON';
};

/** `input` is the value that was checked. */
export const problemsIn = (error: z.ZodError, input: unknown): Problem[] =>
  error.issues.flatMap((issue) => told(issue, input));

/** The same for part of a request, each problem with its JSON path: `body.repositories[0].branch`. */
export const issuesIn = (part: string, error: z.ZodError, input: unknown): Issue[] =>
  problemsIn(error, input).map(({ path, message }) => ({ path: jsonPath(path, part), message }));

export const jsonPath = (path: readonly PropertyKey[], root = ''): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, root);

const told = (issue: Raw, input: unknown): Problem[] => {
  const { path } = issue;
  const value = path.reduce(inside, input);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], message: 'is not a known field' }));
  if (issue.code === 'invalid_union' && value !== undefined) return problemsOfUnion(issue, value);
  if (issue.code === 'invalid_key') {
    const why = issue.issues.flatMap((inner) => told(inner, path.at(-1)));
    return [{ path, message: `has a name that ${why[0]?.message ?? 'is not allowed'}` }];
  }
  if (value === undefined) return [{ path, message: 'is missing' }];
  return [{ path, message: issue.message.startsWith('must ') ? issue.message : spoken(issue, value) }];
};

const inside = (value: unknown, step: PropertyKey): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Readonly<Record<PropertyKey, unknown>>)[step]
    : undefined;

/** Of the possible shapes, report only those of the value's type. */
const problemsOfUnion = (issue: Extract<Raw, { code: 'invalid_union' }>, value: unknown): Problem[] => {
  const { path } = issue;
  if ('options' in issue && Array.isArray(issue.options)) return [{ path, message: oneOf(issue.options) }];
  const rivals: readonly (readonly Raw[])[] = issue.errors;
  const near = rivals.filter(([first]) => first?.code !== 'invalid_type' || first.path.length > 0);
  if (near.length === 1)
    return (near[0] ?? []).flatMap((inner) =>
      told(inner, value).map((problem) => ({ ...problem, path: [...path, ...problem.path] })),
    );
  const kinds = rivals.flatMap(([first]) => (first?.code === 'invalid_type' ? [kindOf(first.expected)] : []));
  const message = kinds.length === rivals.length ? `must be ${kinds.join(' or ')}${not(value)}` : UNFIT;
  return [{ path, message }];
};

const UNFIT = 'has a form that is not accepted';

const spoken = (issue: Raw, value: unknown): string => {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kindOf(issue.expected)}${not(value)}`;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_small':
      return atLeast(issue.origin, Number(issue.minimum));
    case 'too_big':
      return atMost(issue.origin, Number(issue.maximum));
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    default:
      return UNFIT;
  }
};

const KINDS_SPOKEN: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

const kindOf = (expected: string): string => KINDS_SPOKEN[expected] ?? 'of another type';

const LONGEST_QUOTE_CHARACTERS = 40;

const not = (value: unknown): string => {
  if (typeof value === 'string' && value.length <= LONGEST_QUOTE_CHARACTERS)
    return `, not ${JSON.stringify(value)}`;
  if (typeof value === 'string') return ', not a text';
  if (Array.isArray(value)) return ', not a list';
  return typeof value === 'object' && value !== null ? ', not an object' : `, not ${String(value)}`;
};

const oneOf = (values: readonly unknown[]): string =>
  values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.map(String).join(', ')}`;

const atLeast = (of: string, least: number): string => {
  if (of === 'string') return least === 1 ? 'must not be empty' : `must have at least ${least} characters`;
  if (of === 'array') return least === 1 ? 'must not be empty' : `must have at least ${least} entries`;
  return `must be at least ${least}`;
};

const atMost = (of: string, most: number): string => {
  if (of === 'string') return `must have at most ${most} characters`;
  if (of === 'array') return `must have at most ${most} entries`;
  return `must be at most ${most}`;
};
