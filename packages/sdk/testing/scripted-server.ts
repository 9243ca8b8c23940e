/**
 * A scripted server for tests of clients: a real HTTP server on loopback or a Unix socket that matches and validates
 * requests by the contract and refuses unknown fields, like the real one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fail, isBerthError, issuesIn, KINDS, ROUTES, type RouteId, type RouteShape } from '@berth/contract';

export interface Call {
  readonly input: Readonly<Record<string, unknown>>;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
}

/** Event streams are generators of `[id, message]`; a stream whose generator ends is cut. */
export type Answer = (call: Call) => unknown | Promise<unknown> | AsyncIterable<readonly [string, unknown]>;
export type Script = { readonly [Id in RouteId]?: Answer };

interface ScriptedServer extends AsyncDisposable {
  /** Every call so far, as `route.id`, with its input. */
  readonly calls: readonly (Call & { readonly route: string })[];
  readonly address: string;
}

export const startScriptedServer = async (
  script: Script,
  options: { readonly token?: string; readonly socketPath?: string } = {},
): Promise<ScriptedServer> => {
  const calls: (Call & { route: string })[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, error));
  });

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { route, call } = await read(request);
    if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`)
      throw fail('auth.required', {});
    calls.push({ ...call, route: route.id });
    const act = (script as Readonly<Record<string, Answer | undefined>>)[route.id];
    if (act === undefined) throw fail('request.unknown_route', { method: route.method, path: route.path });
    const result = await act(call);
    if (route.answers === 'events')
      return stream(response, result as AsyncIterable<readonly [string, unknown]>);
    const isJson = (route.answers ?? 'json') === 'json';
    response.writeHead(route.status ?? 200, { 'content-type': isJson ? 'application/json' : 'text/plain' });
    response.end(isJson ? JSON.stringify(result) : result);
  };

  await new Promise<void>((resolve) => {
    if (options.socketPath === undefined) server.listen(0, '127.0.0.1', resolve);
    else server.listen(options.socketPath, resolve);
  });
  const address =
    options.socketPath === undefined
      ? `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      : `unix:${options.socketPath}`;
  return {
    calls,
    address,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

const read = async (request: IncomingMessage): Promise<{ route: RouteShape; call: Call }> => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const bytes = Buffer.concat(parts);
  for (const route of ROUTES as readonly RouteShape[]) {
    const params = route.method === request.method ? paramsOf(route, url.pathname) : undefined;
    if (params === undefined) continue;
    const body: unknown = route.body === undefined ? {} : JSON.parse(bytes.toString() || '{}');
    const input = {
      ...check(route.params, params, 'params'),
      ...check(route.query, Object.fromEntries(url.searchParams), 'query'),
      ...check(route.body, body, 'body'),
    };
    return { route, call: { input, headers: request.headers, bytes } };
  }
  throw fail('request.unknown_route', { method: request.method ?? '', path: url.pathname });
};

const paramsOf = ({ path }: RouteShape, actual: string): Record<string, string> | undefined => {
  const pattern = new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
  const found = pattern.exec(actual);
  if (found === null) return undefined;
  return Object.fromEntries(Object.entries(found.groups ?? {}).map(([k, v]) => [k, decodeURIComponent(v)]));
};

const check = (schema: RouteShape['body'], value: unknown, place: string): Record<string, unknown> => {
  if (schema === undefined) return {};
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw fail('request.invalid', { issues: issuesIn(place, parsed.error, value) });
};

const stream = async (response: ServerResponse, messages: AsyncIterable<readonly [string, unknown]>) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  for await (const [id, message] of messages)
    response.write(`id: ${id}\ndata: ${JSON.stringify(message)}\n\n`);
  // Written data arrives, a proper end does not.
  response.socket?.destroySoon();
};

const refuse = (response: ServerResponse, error: unknown) => {
  const known = isBerthError(error) ? error : fail('server.failed', { reference: String(error) });
  if (response.headersSent) return response.destroy();
  response.writeHead(KINDS[known.kind].status, { 'content-type': 'application/json' });
  return response.end(JSON.stringify({ error: known.body }));
};
