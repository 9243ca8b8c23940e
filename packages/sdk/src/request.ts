/**
 * One call: the flat input is distributed over path, query and body as the route declares, and failures regain their
 * code.
 */
import {
  type BerthError,
  ErrorAnswer,
  errorOfBody,
  fail,
  isBerthError,
  KINDS,
  type Kind,
  type RouteShape,
} from '@berth/contract';
import type { CallOptions, Transport, TransportAnswer } from './client-type.ts';
import { bodyOf, type CallLimits, whileAlive } from './silence.ts';

export interface Connection {
  readonly fetch: Transport;
  readonly address: string;
  readonly token: string | undefined;
  readonly limits: CallLimits;
}

export type Input = Readonly<Record<string, unknown>>;

export interface Prepared {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer> | undefined;
}

export const prepare = (connection: Connection, route: RouteShape, input: Input): Prepared => {
  const rest = { ...input };
  const take = (name: string): unknown => {
    const value = rest[name];
    delete rest[name];
    return value;
  };
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(take(name))));
  const url = new URL(path, connection.address);
  const bytes = route.bytesIn ? take('bytes') : undefined;
  // Unknown fields are sent where the server will see and refuse them, rather than dropped.
  const inQuery = route.body === undefined ? Object.keys(rest) : Object.keys(route.query?.shape ?? {});
  for (const name of inQuery) {
    const value = take(name);
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const authorization = connection.token === undefined ? {} : { authorization: `Bearer ${connection.token}` };
  return { url, method: route.method, ...contentOf(route, rest, bytes, authorization) };
};

const contentOf = (
  route: RouteShape,
  rest: Input,
  bytes: unknown,
  authorization: Record<string, string>,
): Pick<Prepared, 'headers' | 'body'> => {
  if (bytes instanceof Uint8Array)
    return {
      headers: { ...authorization, 'content-type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    };
  if (route.body === undefined) return { headers: authorization };
  return { headers: { ...authorization, 'content-type': 'application/json' }, body: JSON.stringify(rest) };
};

export const send = async (
  connection: Connection,
  request: Prepared,
  options: CallOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<TransportAnswer> => {
  const { signal, idempotencyKey } = options;
  const key = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  const response = await whileAlive(connection, signal, (either) =>
    connection.fetch(request.url, {
      method: request.method,
      headers: { ...request.headers, ...options.headers, ...key },
      ...(request.body === undefined ? {} : { body: request.body }),
      signal: either,
    }),
  ).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw asUnreachable(connection, cause);
  });
  if (response.ok) return response;
  throw errorOf(connection, response.status, await textOf(connection, response));
};

/** The complete body of a response. */
export const bytesOf = (
  connection: Connection,
  response: TransportAnswer,
): Promise<Uint8Array<ArrayBuffer>> =>
  bodyOf(connection, response).catch((cause: unknown) => Promise.reject(asUnreachable(connection, cause)));

export const textOf = async (connection: Connection, response: TransportAnswer): Promise<string> =>
  new TextDecoder().decode(await bytesOf(connection, response));

const asUnreachable = ({ address }: Connection, cause: unknown): unknown =>
  isBerthError(cause) ? cause : fail('server.unreachable', { address, detail: detailOf(cause) }, { cause });

/** No socket file, or no listener on the port. */
const NOBODY: readonly unknown[] = ['ENOENT', 'ECONNREFUSED'];

const detailOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  if ('code' in cause && NOBODY.includes(cause.code)) return 'no server is listening there';
  return cause.cause instanceof Error ? detailOf(cause.cause) : cause.message || cause.name;
};

/** The server's own error; any other body comes from another program or a proxy and is not shown. */
export const errorOf = ({ address }: Connection, status: number, text: string): BerthError => {
  const parsed = ErrorAnswer.safeParse(parseJson(text));
  if (!parsed.success) return fail('server.foreign', { address, status });
  const byStatus = (Object.keys(KINDS) as Kind[]).find((kind) => KINDS[kind].status === status) ?? 'internal';
  return errorOfBody(parsed.data.error, byStatus);
};

/** For a response declared as JSON. */
export const jsonOf = ({ address }: Connection, { status }: TransportAnswer, text: string): unknown => {
  const value = parseJson(text);
  if (value === undefined) throw fail('server.foreign', { address, status });
  return value;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};
