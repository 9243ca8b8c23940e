/** Every route of the contract becomes a route of the HTTP server: guard, token, validation, handler, response. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { fail, type IdNoun, nounOf, PREFIXES, ROUTES, type RouteShape } from '@berth/contract';
import type { Log } from '@berth/core';
import type { WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from './auth/authenticate.ts';
import type { Tokens } from './auth/tokens.ts';
import type { Connections } from './connections.ts';
import type { Caller, ClientSocket, Handlers, SseProgram } from './handler-types.ts';
import type { AnswerStore } from './idempotency.ts';
import { type BodyRoom, createBodyRoom } from './json-body.ts';
import type { Metrics } from './metrics.ts';
import { serveSocket } from './sockets.ts';
import { answerEvents } from './sse.ts';
import { limitedBytes } from './upload.ts';
import { type Said, validate } from './validate.ts';

export interface RouteDeps {
  readonly handlers: Handlers;
  readonly tokens: Tokens;
  readonly answers: AnswerStore;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly connections: Connections;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
}

export const registerRoutes = (app: FastifyInstance, deps: RouteDeps): void => {
  const bodyRoom = createBodyRoom();
  for (const route of ROUTES) registerRoute(app, route, { ...deps, bodyRoom });
};

/** Data attached to a request by the hooks. */
interface Checked extends Said {
  readonly caller: Caller | undefined;
  readonly signal: AbortSignal;
  readonly requestId: string;
  readonly lastEventId: string | undefined;
  readonly recordId?: string | undefined;
}

type AnyHandler = (call: Checked) => Promise<unknown>;

const registerRoute = (
  app: FastifyInstance,
  route: RouteShape,
  deps: RouteDeps & { readonly bodyRoom: BodyRoom },
): void => {
  // The map is typed per route; here all routes are handled alike, after validation by their schemas.
  const handler = deps.handlers[route.id as keyof Handlers] as AnyHandler;
  const callers = new WeakMap<FastifyRequest, Caller>();
  const check = (request: FastifyRequest, over: AbortSignal): Checked => {
    const { params, query, body } = request;
    const said = validate(route, { params, query, body: route.bytesIn ? limitedBytes(request) : body });
    const caller = callers.get(request);
    const lastEventId = request.headers['last-event-id'];
    return {
      ...said,
      caller,
      signal: caller === undefined ? over : AbortSignal.any([over, caller.gone]),
      requestId: request.id,
      lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
    };
  };
  const endOf = (request: FastifyRequest, closed: AbortSignal): AbortSignal => {
    const gone = callers.get(request)?.gone;
    return AbortSignal.any([closed, deps.stopping, ...(gone === undefined ? [] : [gone])]);
  };
  app.route({
    method: route.method,
    url: route.path,
    onRequest: async (request) => {
      const caller = await authenticate(deps.tokens, route, request.headers);
      if (caller === undefined) return;
      if (!deps.connections.trust(request.raw.socket)) throw fail('server.busy', { what: 'connections' });
      callers.set(request, caller);
    },
    preParsing: async (request, reply) => {
      const owner = callers.get(request)?.tokenId ?? '';
      if (route.body !== undefined) await deps.bodyRoom(request, reply, owner);
    },
    onResponse: async (request, reply) =>
      observe(deps, route, { request, reply, caller: callers.get(request) }),
    handler: async (request, reply) => {
      if (route.answers === 'socket') throw notASocket();
      const call = check(request, AbortSignal.any([left(reply), deps.stopping]));
      const value = await answerOnce(
        deps.answers,
        route,
        { key: request.headers['idempotency-key'], call },
        (recordId) => handler({ ...call, recordId }),
      );
      return await send(reply, route, value, call.signal);
    },
    ...(route.answers === 'socket' ? { wsHandler: openSocket(handler, check, endOf) } : {}),
  });
};

const answerOnce = (
  answers: AnswerStore,
  route: RouteShape,
  { key, call: { caller, ...said } }: { key: unknown; call: Checked },
  act: (recordId?: string) => Promise<unknown>,
): Promise<unknown> => {
  if (!route.idempotent || typeof key !== 'string' || caller === undefined) return act();
  const request = { params: said.params, query: said.query, body: said.body };
  const { id: routeId, status = 200 } = route;
  const noun = createdNoun(route);
  return answers.once({ key, caller: caller.tokenId, routeId, noun, status, request }, act);
};

/** An idempotent route creates the noun that its id begins with. */
const createdNoun = (route: Pick<RouteShape, 'id'>): IdNoun => {
  const noun = nounOf(route);
  assert(isIdNoun(noun), `${route.id} begins with the noun that it creates`);
  return noun;
};

const isIdNoun = (noun: string): noun is IdNoun => Object.hasOwn(PREFIXES, noun);

/** The handler's result has the type of `route.answers`, by `Handlers`. */
const send = async (
  reply: FastifyReply,
  route: RouteShape,
  value: unknown,
  over: AbortSignal,
): Promise<FastifyReply> => {
  switch (route.answers) {
    case 'events':
      reply.hijack();
      await answerEvents(reply.raw, value as AsyncIterable<unknown> | SseProgram, over);
      return reply;
    case 'bytes':
      // At the client's pace.
      return reply
        .type('application/octet-stream')
        .send(Readable.from(value as AsyncIterable<Uint8Array>, { objectMode: false }));
    case 'text':
      return reply.type('text/plain; charset=utf-8').send(value as string);
    default:
      return reply.code(route.status ?? 200).send(value);
  }
};

const openSocket =
  (
    handler: AnyHandler,
    check: (request: FastifyRequest, over: AbortSignal) => Checked,
    endOf: (request: FastifyRequest, closed: AbortSignal) => AbortSignal,
  ) =>
  (socket: WebSocket, request: FastifyRequest): void => {
    const closed = new AbortController();
    socket.once('close', () => closed.abort());
    const over = endOf(request, closed.signal);
    const talk = async (client: ClientSocket): Promise<void> => {
      const conversation = await handler(check(request, over));
      // A handler of a socket route returns the conversation, by `Handlers`.
      await (conversation as (client: ClientSocket) => Promise<void>)(client);
    };
    void serveSocket(socket, talk, over);
  };

const notASocket = () =>
  fail('request.invalid', {
    issues: [{ path: 'headers.upgrade', message: 'must be a WebSocket; this route is a terminal' }],
  });

/** Aborted when the client disconnects before its response is complete. */
const left = (reply: FastifyReply): AbortSignal => {
  const leaving = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) leaving.abort();
  });
  return leaving.signal;
};

const observe = (
  { metrics, log }: RouteDeps,
  route: RouteShape,
  { request, reply, caller }: { request: FastifyRequest; reply: FastifyReply; caller: Caller | undefined },
): void => {
  const { statusCode, elapsedTime } = reply;
  metrics.observeRequest(route.id, statusCode, elapsedTime / 1000);
  log[route.method === 'GET' ? 'debug' : 'info'](route.id, {
    outcome: statusCode < 400 ? 'ok' : 'refused',
    status: statusCode,
    duration_ms: Math.round(elapsedTime * 10) / 10,
    request: request.id,
    caller: caller?.tokenId,
    callerName: caller?.name,
    role: caller?.role,
  });
};
