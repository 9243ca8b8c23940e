/**
 * The OpenAPI 3.1 document of all routes: a pure function of the data the server validates with, so the document
 * cannot promise what the server does not do. Schemas with a `meta` id become components.
 */
import { z } from 'zod';
import { ROUTES } from './api.ts';
import { COMMON_ERRORS, ErrorAnswer, type ErrorCode, statusOf } from './errors.ts';
import { nounOf, type RouteShape } from './kernel/route.ts';

export type JsonObject = { readonly [key: string]: unknown };

/** Equal versions give identical text. */
export const openApiDocument = (version: string): JsonObject => {
  const schemas = createSchemas();
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of ROUTES as readonly RouteShape[]) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, schemas.of) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Berth',
      version,
      description:
        'Runs coding agents in isolated sandboxes, runs the gate on their work, and lands what passes.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    tags: [...new Set(ROUTES.map(nounOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API token of this installation.' },
      },
      schemas: schemas.components(),
    },
  };
};

type SchemaOf = (schema: z.ZodType) => JsonObject;

const operation = (route: RouteShape, schemaOf: SchemaOf): JsonObject => ({
  operationId: route.id,
  summary: route.summary,
  tags: [nounOf(route)],
  ...(route.role === 'public' ? { security: [] } : { 'x-berth-role': route.role }),
  parameters: [
    ...parameters('path', route.params, schemaOf),
    ...parameters('query', route.query, schemaOf),
    ...headers(route),
  ],
  ...requestBody(route, schemaOf),
  responses: { ...success(route, schemaOf), ...failures(route, schemaOf) },
});

const parameters = (
  place: 'path' | 'query',
  object: z.ZodObject | undefined,
  schemaOf: SchemaOf,
): JsonObject[] =>
  Object.entries(object?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || !schema.isOptional(),
    schema: schemaOf(schema),
  }));

const headers = (route: RouteShape): JsonObject[] => [
  ...(route.idempotent
    ? [header('Idempotency-Key', 'Requests with the same key get the same answer for a day.')]
    : []),
  ...(route.id === 'event.stream' ? [header('Last-Event-ID', 'Resume after this sequence number.')] : []),
];

const header = (name: string, description: string): JsonObject => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});

const requestBody = (route: RouteShape, schemaOf: SchemaOf): JsonObject => {
  if (route.bytesIn) return { requestBody: { required: true, content: { 'application/octet-stream': {} } } };
  if (route.body === undefined) return {};
  return {
    requestBody: {
      required: !route.body.safeParse({}).success,
      content: { 'application/json': { schema: schemaOf(route.body) } },
    },
  };
};

const success = (route: RouteShape, schemaOf: SchemaOf): JsonObject => {
  const answers = route.answers ?? 'json';
  if (answers === 'socket') return { 101: { description: 'The connection becomes a WebSocket.' } };
  return {
    [route.status ?? 200]: { description: route.summary, content: content(route, answers, schemaOf) },
  };
};

const content = (
  route: RouteShape,
  answers: 'json' | 'events' | 'bytes' | 'text',
  schemaOf: SchemaOf,
): JsonObject => {
  switch (answers) {
    case 'json':
      return { 'application/json': { schema: schemaOf(route.returns) } };
    case 'events':
      // Each `data:` line is one value of this schema.
      return { 'text/event-stream': { schema: { type: 'string' }, 'x-berth-data': schemaOf(route.returns) } };
    case 'bytes':
      return { 'application/octet-stream': {} };
    case 'text':
      return { 'text/plain': { schema: { type: 'string' } } };
  }
};

/** One response per status; its description lists the codes. */
const failures = (route: RouteShape, schemaOf: SchemaOf): JsonObject => {
  const common: readonly ErrorCode[] = COMMON_ERRORS;
  const possible =
    route.role === 'public' ? common.filter((code) => !/^auth\.(required|forbidden)/.test(code)) : common;
  const byStatus = new Map<number, Set<string>>();
  for (const code of [...possible, ...route.errors]) {
    const status = statusOf(code);
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  const schema = schemaOf(ErrorAnswer);
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, codes]) => [
        status,
        { description: [...codes].sort().join(', '), content: { 'application/json': { schema } } },
      ]),
  );
};

/** Converts schemas to JSON Schema and collects those with an id, so that each is written once. */
const createSchemas = () => {
  const collected: Record<string, JsonObject> = {};
  const of: SchemaOf = (schema) => {
    const {
      $schema: _,
      $defs,
      ...json
    } = z.toJSONSchema(schema, {
      // Requests and answers have the same schema; `input` also leaves answers open to new fields.
      io: 'input',
      unrepresentable: 'any',
      reused: 'inline',
    }) as JsonObject & { readonly $defs?: Readonly<Record<string, JsonObject>> };
    for (const [name, definition] of Object.entries($defs ?? {})) collected[name] = relinked(definition);
    const name = schema.meta()?.id;
    if (name === undefined) return relinked(json);
    if (json.$ref === undefined) collected[name] = relinked(json);
    return { $ref: `#/components/schemas/${name}` };
  };
  return {
    of,
    components: () => Object.fromEntries(Object.entries(collected).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
};

/** Points references at the components and drops the ids that zod adds. */
const relinked = (json: JsonObject): JsonObject => {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) =>
        key === '$ref'
          ? [key, String(inner).replace('#/$defs/', '#/components/schemas/')]
          : [key, walk(inner)],
      ),
    );
  };
  const { id: _, ...rest } = walk(json) as JsonObject;
  return rest;
};
