import { fail, PLURALS, ROUTES, type RouteShape } from '@berth/contract';
import type { CallOptions, Client, ClientOptions, RouteMethods, TransportAnswer } from './client-type.ts';
import { followTask } from './follow.ts';
import { bytesOf, type Connection, type Input, jsonOf, prepare, send, textOf } from './request.ts';
import { CALL_LIMITS } from './silence.ts';
import { followStream } from './stream.ts';

/** Failures reject with a `BerthError` that carries the server's code, or `server.unreachable`. */
export const createClient = (options: ClientOptions): Client => {
  const connection: Connection = {
    fetch: options.fetch ?? fetch,
    address: options.address,
    token: options.token,
    limits: options.limits ?? CALL_LIMITS,
  };
  const nouns: Record<string, Record<string, unknown>> = {};
  for (const route of ROUTES) {
    const [noun = '', verb = ''] = route.id.split('.');
    const plural = PLURALS[noun as keyof typeof PLURALS];
    nouns[plural] = { ...nouns[plural], [verb]: methodOf(route, connection) };
  }
  // The loop above builds exactly the mapped type: both iterate over the same routes.
  const methods = nouns as unknown as RouteMethods;
  return { ...methods, tasks: { ...methods.tasks, follow: followTask(methods) } };
};

const methodOf =
  (route: RouteShape, connection: Connection) =>
  (input: Input = {}, options: CallOptions = {}): unknown => {
    if (route.answers === 'events') return followStream({ connection, route, input, signal: options.signal });
    const request = prepare(connection, route, input);
    if (route.answers === 'socket') return openSocket(connection, request.url);
    return answerOf(route, connection, send(connection, request, options));
  };

const answerOf = async (
  route: RouteShape,
  connection: Connection,
  sent: Promise<TransportAnswer>,
): Promise<unknown> => {
  const response = await sent;
  if (route.answers === 'bytes') return bytesOf(connection, response);
  const text = await textOf(connection, response);
  if (route.answers === 'text') return text;
  return response.status === 204 ? {} : jsonOf(connection, response, text);
};

/**
 * A WebSocket to the server. Browsers cannot set headers on it, so the token travels as a subprotocol. WebSockets are
 * not available over a Unix socket: callers use the server's TCP address (`system.health().address`) for
 * terminals and ports.
 */
const openSocket = ({ address, token }: Connection, url: URL): WebSocket => {
  if (!/^https?:$/.test(url.protocol))
    throw fail('server.unreachable', {
      address,
      detail: 'terminals and ports need the http address of the server',
    });
  const target = new URL(url);
  target.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(target, token === undefined ? [] : [`berth.token.${token}`]);
  socket.binaryType = 'arraybuffer';
  return socket;
};
