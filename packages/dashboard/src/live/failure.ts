import type { Issue } from '@berth/contract';
import { isBerthError } from '@berth/sdk';

/** The message shown for a call that failed. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly issues: readonly Issue[];
}

export const failureOf = (error: unknown): Failure => {
  if (!isBerthError(error)) return { code: 'page.failed', message: String(error), issues: [] };
  const { code, message, hint, details } = error;
  return { code, message, hint, issues: issuesIn(details) };
};

/** The answer was not validated against the catalogue, so its details are not trusted. */
const issuesIn = (details: unknown): Issue[] => {
  if (typeof details !== 'object' || details === null || !('issues' in details)) return [];
  const { issues } = details;
  return Array.isArray(issues) ? issues.filter(isIssue) : [];
};

const isIssue = (value: unknown): value is Issue =>
  typeof value === 'object' &&
  value !== null &&
  'path' in value &&
  'message' in value &&
  typeof value.path === 'string' &&
  typeof value.message === 'string';
