/** Checks what a request says against its route, and tells every problem at once, each with its path. */
import { fail, type Issue, type RouteShape } from '@berth/contract';
import type { z } from 'zod';

export interface Said {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** The checked values. Rejects with `request.invalid`. A missing body counts as an empty object. */
export const validate = (route: RouteShape, said: Said): Said => {
  const issues: Issue[] = [];
  const check = (part: keyof Said, schema: z.ZodObject | undefined, value: unknown): unknown => {
    if (schema === undefined) {
      issues.push(...unwanted(part, value));
      return {};
    }
    const parsed = schema.safeParse(value ?? {});
    if (!parsed.success) issues.push(...parsed.error.issues.flatMap((issue) => toIssues(part, issue)));
    return parsed.data;
  };
  const checked = {
    params: check('params', route.params, said.params),
    query: check('query', route.query, said.query),
    body: route.bytesIn ? said.body : check('body', route.body, said.body),
  };
  if (issues.length > 0) throw fail('request.invalid', { issues });
  return checked;
};

/** What a route does not ask for is refused, not ignored. */
const unwanted = (part: keyof Said, value: unknown): Issue[] => {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value))
    return [{ path: part, message: 'this route takes none' }];
  return Object.keys(value).map((key) => ({ path: `${part}.${key}`, message: 'this key is unknown' }));
};

const toIssues = (part: string, issue: z.core.$ZodIssue): Issue[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => ({ path: pathOf(part, [...issue.path, key]), message: 'this key is unknown' }))
    : [{ path: pathOf(part, issue.path), message: issue.message }];

/** `body.repositories[0].branch` */
const pathOf = (part: string, path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${String(step)}`),
    part,
  );
