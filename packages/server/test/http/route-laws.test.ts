/** What every route promises about bad input, tokens and roles; the cases are derived from the contract. */
import { PREFIXES, ROUTES, type RouteShape } from '@berth/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Ask, type Harness, openHarness, type Reply, UPGRADE } from './harness.ts';

let harness: Harness;
let viewer: string;
let operator: string;
beforeAll(async () => {
  harness = await openHarness();
  viewer = await harness.tokenOf('viewer');
  operator = await harness.tokenOf('operator');
});
afterAll(() => harness[Symbol.asyncDispose]());

const routes: readonly RouteShape[] = ROUTES;

/** A case that exists only for routes of which it says something. */
const itWhen = (applies: boolean) => (name: string, test: () => Promise<void>) => {
  if (applies) it(name, test);
};

describe.each(routes.map((route) => [route.id, route] as const))('%s', (_, route) => {
  const good = (): Ask => ({
    method: route.method,
    path: fill(route),
    token: harness.ownerToken,
    ...bodyOf(route),
    ...(route.answers === 'socket' ? { headers: UPGRADE } : {}),
  });
  const isPublic = route.role === 'public';

  itWhen(!isPublic)('refuses a request without a token, with a wrong one and with an empty one', async () => {
    for (const token of [undefined, 'berth_wrong', '', 'x'.repeat(5000)]) {
      const reply = await unchanged({ ...good(), token });
      expect([reply.status, reply.json.error.code]).toEqual([401, 'auth.required']);
    }
  });

  itWhen(!isPublic)('refuses a token in the address', async () => {
    const path = `${fill(route)}${fill(route).includes('?') ? '&' : '?'}token=${harness.ownerToken}`;
    expect((await unchanged({ ...good(), path, token: undefined })).status).toBe(401);
  });

  it('asks for exactly its role', async () => {
    const attempts = { viewer, operator };
    for (const [role, token] of Object.entries(attempts)) {
      const refused = isPublic
        ? []
        : { viewer: [], operator: ['viewer'], owner: ['viewer', 'operator'] }[route.role as 'owner'];
      if (!refused.includes(role as never)) continue;
      const reply = await unchanged({ ...good(), token });
      expect([reply.status, reply.json.error.details.needs]).toEqual([403, route.role]);
    }
    if (route.method !== 'GET') expect(route.role).not.toMatch(/^(viewer|public)$/);
  });

  itWhen(route.answers !== 'events' && route.answers !== 'socket')(
    'gives nobody a stronger role',
    async () => {
      for (const token of [viewer, operator]) {
        const before = await strongTokens();
        const reply = await harness.ask({ ...good(), token });
        expect(reply.text).not.toMatch(/berth_[\w-]{43}/);
        expect(await strongTokens()).toEqual(before);
      }
    },
  );

  it('refuses unknown keys with their paths, several at once', async () => {
    const path = `${fill(route)}${fill(route).includes('?') ? '&' : '?'}bogus=1&other=2`;
    const withBody = route.body === undefined ? {} : { body: { ...bodyOf(route).body, wrong: true } };
    if (route.answers === 'socket') return;
    const reply = await unchanged({ ...good(), path, ...withBody });
    expect([reply.status, reply.json.error.code]).toEqual([400, 'request.invalid']);
    const paths = pathsOf(reply);
    expect(paths).toEqual(expect.arrayContaining(['query.bogus', 'query.other']));
    if (route.body !== undefined) expect(paths).toContain('body.wrong');
  });

  itWhen(route.params !== undefined && route.answers !== 'socket')(
    'refuses ids of the wrong form',
    async () => {
      for (const bad of ['..%2f..%2fetc', 'x', '%00', `${'a'.repeat(400)}`, 'tk_UPPER0000000000000']) {
        const reply = await unchanged({ ...good(), path: fill(route, bad) });
        expect([reply.status, reply.json.error.code], bad).toEqual([400, 'request.invalid']);
        expect(
          pathsOf(reply).some((path) => path.startsWith('params.')),
          bad,
        ).toBe(true);
      }
    },
  );

  it('takes no text and no list of any length', () => {
    const parts = { params: route.params, query: route.query, body: route.body };
    for (const [part, schema] of Object.entries(parts)) {
      if (schema === undefined) continue;
      const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;
      expect(endlessIn(root, { path: part, root })).toEqual([]);
    }
  });

  it('refuses a page of another site and a name of another server before it asks for a token', async () => {
    const foreign = [
      { host: 'evil.test' },
      { origin: 'http://evil.test' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const reply = await unchanged({
        ...good(),
        token: undefined,
        headers: { ...good().headers, ...headers },
      });
      expect([reply.status, reply.json.error.code], JSON.stringify(headers)).toEqual([
        403,
        'auth.origin_refused',
      ]);
    }
  });

  it('is there under its own method alone', async () => {
    const known = routes.filter(({ path }) => patternOf(path) === patternOf(route.path));
    const methods = known.map(({ method }): string => method);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      if (methods.includes(method)) continue;
      const reply = await unchanged({ ...good(), method, body: undefined });
      expect([reply.status, reply.json.error.code], method).toEqual([404, 'request.unknown_route']);
    }
  });

  itWhen(route.body !== undefined)('refuses wrong types, naming each field', async () => {
    const fields = Object.keys(route.body?.shape ?? {});
    if (fields.length === 0) return;
    const body = Object.fromEntries(fields.map((field) => [field, { wrong: ['type'] }]));
    const reply = await unchanged({ ...good(), body });
    expect([reply.status, reply.json.error.code]).toEqual([400, 'request.invalid']);
    for (const field of fields) {
      expect(
        pathsOf(reply).some((path) => path.startsWith(`body.${field}`)),
        field,
      ).toBe(true);
    }
  });

  itWhen(route.body !== undefined)(
    'refuses what is not JSON, not an object, too large or another type',
    async () => {
      const json = { 'content-type': 'application/json' };
      const cases: [Partial<Ask>, number, string][] = [
        [{ body: '{"a":', headers: json }, 400, 'body'],
        [{ body: '[]', headers: json }, 400, 'body'],
        [{ body: '"text"', headers: json }, 400, 'body'],
        [{ body: '{"__proto__":{"a":1}}', headers: json }, 400, 'body'],
        [
          { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
          400,
          'headers.content-type',
        ],
        [{ body: '{}', headers: { 'content-type': 'text/plain' } }, 400, 'headers.content-type'],
        [{ body: '{}', headers: { ...json, 'content-encoding': 'gzip' } }, 400, 'headers.content-encoding'],
        [{ body: `{"a":"${'x'.repeat(1_048_577)}"}`, headers: json }, 413, ''],
      ];
      for (const [change, status, path] of cases) {
        const reply = await unchanged({ ...good(), ...change });
        expect(reply.status, JSON.stringify(change).slice(0, 60)).toBe(status);
        if (status === 413) expect(reply.json.error.code).toBe('request.too_large');
        else expect(pathsOf(reply).some((one) => one.startsWith(path))).toBe(true);
      }
    },
  );
});

describe('what is no route', () => {
  it('is 404 with the method and the path, whatever the token', async () => {
    const reply = await harness.ask({ method: 'DELETE', path: '/v1/nothing?secret=1' });
    expect(reply.status).toBe(404);
    expect(reply.json.error).toMatchObject({
      code: 'request.unknown_route',
      details: { method: 'DELETE', path: '/v1/nothing' },
    });
  });

  it('is 400 when the address cannot be read', async () => {
    const reply = await harness.ask({ path: '/v1/tasks/%E0%A4%A', token: harness.ownerToken });
    expect([reply.status, reply.json.error.code]).toEqual([400, 'request.invalid']);
  });
});

it('names the place of a problem deep inside', async () => {
  const body = { repositories: [{ source: '/x', branch: '..' }], limits: { cpus: 'many' } };
  const reply = await harness.ask({
    method: 'POST',
    path: '/v1/workspaces',
    token: harness.ownerToken,
    body,
  });
  expect(pathsOf(reply).sort()).toEqual(['body.limits.cpus', 'body.repositories[0].branch']);
});

interface Shape {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Shape>>;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly propertyNames?: Shape;
  readonly additionalProperties?: Shape | boolean;
}

/** The places in a schema that a request may fill without end; a pattern counts as an end when it repeats nothing freely. */
const endlessIn = (shape: Shape, at: { readonly path: string; readonly root: Shape }): string[] => {
  const deeper = (inner: Shape | undefined, step: string) =>
    inner === undefined ? [] : endlessIn(inner, { ...at, path: `${at.path}${step}` });
  if (shape.$ref !== undefined) return deeper(at.root.$defs?.[shape.$ref.split('/').at(-1) ?? ''], '');
  const { additionalProperties: rest } = shape;
  return [
    ...(isEndless(shape) ? [at.path] : []),
    ...[...(shape.anyOf ?? []), ...(shape.oneOf ?? [])].flatMap((one) => deeper(one, '')),
    ...Object.entries(shape.properties ?? {}).flatMap(([name, inner]) => deeper(inner, `.${name}`)),
    ...deeper(shape.items, '[]'),
    ...deeper(shape.propertyNames, '.<name>'),
    ...deeper(typeof rest === 'object' ? rest : undefined, '.*'),
  ];
};

const isEndless = ({ type, enum: words, const: word, maxLength, maxItems, pattern }: Shape): boolean => {
  if (type === 'array') return maxItems === undefined;
  if (type !== 'string' || words !== undefined || word !== undefined || maxLength !== undefined) return false;
  return pattern === undefined || /[*+]|,\}/.test(pattern);
};

const patternOf = (path: string) => path.replaceAll(/:\w+/g, ':');

const pathsOf = (reply: Reply): string[] =>
  (reply.json.error.details.issues as { path: string }[]).map(({ path }) => path);

/** What is wrong is told in plain words, whoever found it. */
const LIBRARY_WORDS =
  /\bexpected\b|\breceived\b|invalid|too (?:small|big)|\bNaN\b|\bundefined\b|FST_|\bparams\b/i;

/** Sends it and sees that neither the store nor the work noticed. */
const unchanged = async (ask: Ask): Promise<Reply> => {
  const before = await state();
  const reply = await harness.ask(ask);
  expect(await state()).toEqual(before);
  if (reply.status === 400) expect(reply.json.error.message).not.toMatch(LIBRARY_WORDS);
  return reply;
};

/** Every token that can do more than look. */
const strongTokens = async () => {
  const where = { role: ['operator', 'owner'] } as const;
  const rows = await harness.store.read((tx) => tx.table('tokens').list({ where }));
  return rows.map(({ id, role, expiresAt, revokedAt }) => [id, role, expiresAt, revokedAt]);
};

const state = () =>
  harness.store.read(async (tx) => ({
    seq: await tx.lastSeq(),
    tokens: await tx.table('tokens').count(),
    calls: harness.calls.length,
  }));

/** The path with ids of the right form, or with `value` in the place of each, and the query that it needs. */
const fill = (route: RouteShape, value?: string): string => {
  const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => value ?? sampleId(route, name));
  const needed = Object.entries(route.query?.shape ?? {}).filter(
    ([, schema]) => !(schema as z.ZodType).isOptional(),
  );
  return needed.length === 0 ? path : `${path}?${needed.map(([name]) => `${name}=%2Ffile`).join('&')}`;
};

const sampleId = (route: RouteShape, name: string): string => {
  const schema = route.params?.shape[name] as z.ZodType;
  const samples = ['repo', ...Object.values(PREFIXES).map((prefix) => `${prefix}_${'0'.repeat(20)}`)];
  return samples.find((sample) => schema.safeParse(sample).success && sample !== 'repo') ?? 'repo';
};

const BODIES: Readonly<Record<string, Record<string, unknown>>> = {
  'workspace.create': { repositories: [{ source: '/x' }] },
  'sandbox.exec': { shell: 'true' },
  'sandbox.signal': { signal: 'SIGTERM' },
  'sandbox.makeFolder': { path: '/x' },
  'sandbox.renameFile': { from: '/x', to: '/y' },
  'sandbox.gitCommit': { message: 'x' },
  'task.create': { workspaceId: `ws_${'0'.repeat(20)}`, prompt: 'x' },
  'task.prompt': { prompt: 'x' },
  'token.create': { name: 'x', role: 'viewer' },
};

const bodyOf = (route: RouteShape): { body?: Record<string, unknown> } =>
  route.body === undefined ? {} : { body: BODIES[route.id] ?? {} };
