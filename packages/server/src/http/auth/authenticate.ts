/** Authenticates the caller by the request's token, and authorises by role. */
import type { IncomingHttpHeaders } from 'node:http';
import { fail, ROLES, type RouteShape } from '@berth/contract';
import type { Caller } from '../handler-types.ts';
import type { Tokens } from './tokens.ts';

const SOCKET_TOKEN = 'berth.token.';

/**
 * Rejects with `auth.required` or `auth.forbidden`. It is required on the Unix socket too: a file permission decides
 * which user may connect, not a program's role, and would let everything that runs as the user (an agent on the
 * `host` driver, a build script) act as the owner.
 */
export const authenticate = async (
  tokens: Tokens,
  route: RouteShape,
  headers: IncomingHttpHeaders,
): Promise<Caller | undefined> => {
  if (route.role === 'public') return undefined;
  const secret = tokenOf(route, headers);
  const caller = secret === undefined ? undefined : await tokens.authenticate(secret);
  if (caller === undefined) throw fail('auth.required', {});
  if (ROLES.indexOf(caller.role) < ROLES.indexOf(route.role))
    throw fail('auth.forbidden', { needs: route.role });
  return caller;
};

/**
 * Never from the query: URLs end up in histories and logs. This is the only header browsers can set on a WebSocket.
 */
const tokenOf = (route: RouteShape, headers: IncomingHttpHeaders): string | undefined => {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined || route.answers !== 'socket') return bearer;
  return headers['sec-websocket-protocol']
    ?.split(',')
    .map((name) => name.trim())
    .find((name) => name.startsWith(SOCKET_TOKEN))
    ?.slice(SOCKET_TOKEN.length);
};
