/** Validates a request against its route, and reports all problems at once, each with its path. */
import { fail, type Issue, issuesIn, type RouteShape } from '@berth/contract';
import type { z } from 'zod';

export interface Said {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** The validated values. Rejects with `request.invalid`. A missing body counts as an empty object. */
export const validate = (route: RouteShape, said: Said): Said => {
  const issues: Issue[] = [];
  const check = (part: keyof Said, schema: z.ZodObject | undefined, value: unknown): unknown => {
    if (schema === undefined) {
      issues.push(...unwanted(part, value));
      return {};
    }
    const parsed = schema.safeParse(value ?? {});
    if (!parsed.success) issues.push(...issuesIn(part, parsed.error, value ?? {}));
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
    return [{ path: part, message: 'must be absent: this route accepts none' }];
  return Object.keys(value).map((key) => ({ path: `${part}.${key}`, message: 'is not a known field' }));
};
