/**
 * Protects the server from web pages on the same machine, before any token is checked. In this order: Host (a name
 * rebound to 127.0.0.1 still sends its own name), Origin, Sec-Fetch-Site. CORS headers are never sent: they could
 * only grant access, not restrict it.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { fail, type Issue } from '@berth/contract';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** Rejects with `auth.origin_refused`. `allowed`: additional host names without a port. */
export const createGuard = (allowed: readonly string[]): ((headers: IncomingHttpHeaders) => void) => {
  const names = new Set([...LOOPBACK, ...allowed]);
  return (headers) => {
    const host = headers.host ?? '';
    if (!names.has(hostName(host))) throw refused('the Host header names another server');
    const { origin } = headers;
    // The host has been validated, so comparing with it is meaningful.
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw refused('it comes from a page of another origin');
    }
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      throw refused('the browser reports that another site sent it');
    }
  };
};

/** The name before the port; exact, so that case variants, trailing dots and numbers in other bases are refused. */
const hostName = (host: string): string => /^(\[[0-9a-f:]+\]|[^:]*)(?::\d{1,5})?$/.exec(host)?.[1] ?? '';

const refused = (reason: string) => fail('auth.origin_refused', { reason });

/**
 * Validates the request head first: one host, named once, and a path. A proxy and this server could interpret an
 * ambiguous request differently. Rejects with `request.invalid`.
 */
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
    : [{ path: 'url', message: 'must be a path that begins with /, not a full URL' }];

const issuesOfHost = (rawHeaders: readonly string[]): Issue[] => {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  return hosts > 1 ? [{ path: 'headers.host', message: `occurs ${hosts} times, must occur once` }] : [];
};
