/**
 * What the first lines of a request may say, before anything is made of them: one server, named once, and a path on it.
 * Whoever sends more than one meaning would have a proxy and this server read different ones.
 */
import type { IncomingMessage } from 'node:http';
import { fail, type Issue } from '@berth/contract';

/** Rejects with `request.invalid`. */
export const checkRequestLine = ({
  url = '',
  rawHeaders,
}: Pick<IncomingMessage, 'url' | 'rawHeaders'>): void => {
  const issues = [...issuesOfTarget(url), ...issuesOfHost(rawHeaders)];
  if (issues.length > 0) throw fail('request.invalid', { issues });
};

const issuesOfTarget = (url: string): Issue[] =>
  url.startsWith('/') && !url.includes('#')
    ? []
    : [{ path: 'url', message: 'must be a path that begins with /, not a whole address' }];

const issuesOfHost = (rawHeaders: readonly string[]): Issue[] => {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  return hosts > 1
    ? [{ path: 'headers.host', message: `is there ${hosts} times and may be there once` }]
    : [];
};
