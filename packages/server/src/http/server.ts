/**
 * The HTTP server: a thin layer that registers the contract's routes, on loopback TCP and on a Unix socket. Both use
 * the same handlers and rules; the token cannot be disabled.
 */
import assert from 'node:assert/strict';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { fail, ROUTES, type RouteShape } from '@berth/contract';
import { type Clock, type Ids, type Log, Stopped, type Store } from '@berth/core';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../config/config.ts';
import { makeFolder } from '../system/make-folder.ts';
import { ensureOwner } from './auth/owner-token.ts';
import { createTokens } from './auth/tokens.ts';
import { limitConnections } from './connections.ts';
import { dashboardRoutes } from './dashboard.ts';
import { documentRoutes } from './documents.ts';
import {
  BODY_LIMIT_BYTES,
  logFailure,
  PARAMETER_LIMIT_CHARACTERS,
  RETRY_AFTER_S,
  statusOfError,
  toBerthError,
} from './errors.ts';
import { createEventFeed } from './event-feed.ts';
import { checkRequestLine, createGuard } from './guard.ts';
import { createHandlers, type Services } from './handlers/index.ts';
import { createAnswerStore } from './idempotency.ts';
import { takeJson } from './json-body.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { answerNotHttp } from './not-http.ts';
import { keepPace, type Pace } from './pace.ts';
import { registerRoutes } from './routes.ts';
import { MAX_FRAME_BYTES } from './sockets.ts';

/** Grace period for running requests when the server stops. */
const GRACE_MS = 10_000;
const PRUNE_EVERY_MS = 3_600_000;
const LIMITS = {
  headersBytes: 16_384,
  /** Until the headers of a request have arrived, so also how long a connection may be silent. */
  headersMs: 10_000,
  checkEveryMs: 2500,
  keepAliveMs: 5000,
  /** Of the Unix socket, which only its owner can reach. */
  localConnections: 1024,
  tcpConnections: { strangers: 512, trusted: 1024 },
} as const;
const LISTENER = {
  maxHeaderSize: LIMITS.headersBytes,
  headersTimeout: LIMITS.headersMs,
  connectionsCheckingInterval: LIMITS.checkEveryMs,
};

export interface HttpServerOptions {
  readonly config: Pick<Config, 'home' | 'host' | 'port' | 'socketPath' | 'allowedHosts'>;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly services: Services;
  readonly log: Log;
  readonly version: string;
  /** Folder of the built dashboard; without one its page explains how to build it. */
  readonly dashboardFolder?: string | undefined;
  readonly pace?: Pace | undefined;
}

export interface HttpServer {
  /** Opens both listeners, and ensures that an owner exists. */
  listen(): Promise<Listening>;
  /** Ends streams, lets requests finish for a while, closes both listeners. The store stays open. */
  close(): Promise<void>;
  readonly metrics: Metrics;
}

export interface Listening {
  /** `http://127.0.0.1:8080` */
  readonly address: string;
  readonly socketPath: string;
  /** The owner token file. */
  readonly ownerTokenPath: string;
}

export const createHttpServer = async (options: HttpServerOptions): Promise<HttpServer> => {
  const { config, store, clock, ids, log, version } = options;
  const stopping = new AbortController();
  const tokens = createTokens({ store, clock, ids });
  const feed = createEventFeed(store);
  const metrics = createMetrics(store, feed.readers);
  const answers = createAnswerStore(store, clock, ids);
  const startedAt = performance.now();
  let address = '';
  const info = () => ({ version, address, uptimeMs: Math.round(performance.now() - startedAt) });
  const { services } = options;
  const handlers = createHandlers({ store, clock, ids, tokens, feed, metrics, info, services });

  const app = createApp(log);
  await app.register(websocket, {
    options: { maxPayload: MAX_FRAME_BYTES, handleProtocols: (offered) => chooseProtocol(offered) },
  });
  const guard = createGuard(config.allowedHosts);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    checkRequestLine(request.raw);
    guard(request.headers);
    refuseUpgrade(request);
  });
  const connections = limitConnections(app.server, LIMITS.tcpConnections);
  registerRoutes(app, { handlers, tokens, answers, metrics, log, connections, stopping: stopping.signal });
  documentRoutes(app, version);
  dashboardRoutes(app, options.dashboardFolder);
  await app.ready();
  const local = localServer(app);
  for (const server of [app.server, local]) keepPace(server, options.pace);
  const pruning = setInterval(() => {
    answers
      .prune()
      .catch((error: unknown) => log.warn('answers.prune', { outcome: 'failed', cause: String(error) }));
  }, PRUNE_EVERY_MS);
  pruning.unref();

  return {
    metrics,
    async listen() {
      const ownerTokenPath = await ensureOwner(config.home, store, tokens);
      await app.listen({ host: config.host.replaceAll(/[[\]]/g, ''), port: config.port });
      address = addressOf(app.server.address() as AddressInfo);
      await listenLocally(local, config.socketPath);
      return { address, socketPath: config.socketPath, ownerTokenPath };
    },
    async close() {
      clearInterval(pruning);
      stopping.abort(new Stopped('the server is stopping'));
      feed.close();
      tokens.close();
      const cut = setTimeout(() => {
        app.server.closeAllConnections();
        local.closeAllConnections();
      }, GRACE_MS);
      await Promise.all([app.close(), closeLocal(local)]);
      clearTimeout(cut);
    },
  };
};

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const createApp = (log: Log): FastifyInstance => {
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    keepAliveTimeout: LIMITS.keepAliveMs,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    schemaController: {
      compilersFactory: { buildValidator: compilesNothing, buildSerializer: compilesNothing },
    },
    routerOptions: { maxParamLength: PARAMETER_LIMIT_CHARACTERS },
    http: LISTENER,
    clientErrorHandler: answerNotHttp,
    frameworkErrors: (error, request, reply) => answerError(log, error, request, reply),
  });
  app.removeContentTypeParser(['text/plain', 'application/json']);
  takeJson(app);
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  app.addHook('preParsing', async ({ headers }) => refusePacked(headers['content-encoding']));
  app.setErrorHandler((error, request, reply) => answerError(log, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1);
    answerError(log, fail('request.unknown_route', { method: request.method, path }), request, reply);
  });
  return app;
};

const routes: readonly RouteShape[] = ROUTES;
const SOCKET_PATHS: ReadonlySet<string> = new Set(
  routes.filter(({ answers }) => answers === 'socket').map(({ path }) => path),
);

/** Routes without a WebSocket stay HTTP, whatever the client requests, and allocate nothing for an upgrade. */
const refuseUpgrade = ({ ws, routeOptions: { url } }: FastifyRequest): void => {
  if (!ws || url === undefined || SOCKET_PATHS.has(url)) return;
  const issue = { path: 'headers.upgrade', message: 'this route is not a WebSocket; remove the header' };
  throw fail('request.invalid', { issues: [issue] });
};

/** Nothing is decompressed: a body that is small on the wire and huge in memory is refused. */
const refusePacked = (encoding: string | undefined): void => {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  const issue = {
    path: 'headers.content-encoding',
    message: 'Content-Encoding is not supported; send the body uncompressed',
  };
  throw fail('request.invalid', { issues: [issue] });
};

const answerError = (log: Log, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
  const error = toBerthError(thrown, request.id);
  logFailure(log, `${request.method} ${request.routeOptions.url ?? ''}`, error, request.id);
  if (error.code === 'server.busy') reply.header('retry-after', String(RETRY_AFTER_S));
  void reply.code(statusOfError(error)).send({ error: error.body });
};

/**
 * No route has a Fastify schema: requests are validated by the contract's. Not loading Fastify's schema compiler
 * saves a sixth of every start and 5 MB.
 */
const compilesNothing = (): never => assert.fail('no route gives Fastify a schema');

/** A browser requires the server to select one of its offered subprotocols; the token's is the last resort. */
const chooseProtocol = (offered: ReadonlySet<string>): string | false =>
  offered.has('berth') ? 'berth' : ([...offered][0] ?? false);

const localServer = (app: FastifyInstance): Server => {
  const server = createServer(LISTENER, (request, response) => app.routing(request, response));
  server.maxConnections = LIMITS.localConnections;
  server.on('clientError', answerNotHttp);
  server.on('upgrade', (request, socket, head) => void app.server.emit('upgrade', request, socket, head));
  return server;
};

/** The folder is made private before the socket is created, so there is no window in which others could connect. */
const listenLocally = async (server: Server, path: string): Promise<void> => {
  await makeFolder(dirname(path));
  await chmod(dirname(path), 0o700);
  // Left over from a killed server: the lock of the home folder shows that none is running.
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
  await chmod(path, 0o600);
};

const closeLocal = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    if (!server.listening) return resolve();
    server.close(() => resolve());
    server.closeIdleConnections();
  });

const addressOf = ({ address, family, port }: AddressInfo): string =>
  `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
