/**
 * What keeps web pages away from a server on the same machine, before any token is looked at. In this order:
 * Host (a name that was rebound to 127.0.0.1 still says its own name), Origin, Sec-Fetch-Site. CORS headers are
 * never sent: they would open doors, they close none.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { fail, type Issue } from '@berth/contract';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Rejects with `auth.origin_refused`. `allowed` are further host names without a port. */
export const createGuard = (allowed: readonly string[]): ((headers: IncomingHttpHeaders) => void) => {
  const names = new Set([...LOOPBACK, ...allowed]);
  return (headers) => {
    const host = headers.host ?? '';
    if (!names.has(hostName(host))) throw refused('the Host header names another server');
    const { origin } = headers;
    // The host is one of ours by now, so that comparing with it says more than that the client agrees with itself.
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw refused('it comes from a page of another origin');
    }
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      throw refused('a browser says that another site sent it');
    }
  };
};

/** The name before the port; exact, so that case tricks, trailing dots and numbers in other bases are refused. */
const hostName = (host: string): string => /^(\[[0-9a-f:]+\]|[^:]*)(?::\d{1,5})?$/.exec(host)?.[1] ?? '';

const refused = (reason: string) => fail('auth.origin_refused', { reason });

/**
 * What the first lines of a request may say, before anything is made of them: one server, named once, and a path on it.
 * Whoever sends more than one meaning would have a proxy and this server read different ones.
 */

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
