import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import type { Egress } from './egress/egress.ts';
import type { GrantWatch } from './grant-watch.ts';
import { createUplinkRouter, type InternalEndpoint, type UplinkRouterParts } from './router.ts';

const standing = { hold: () => undefined, review: () => undefined };

/** What was asked of whom, in one line each. */
const ask = (authority: string, url: string, method = 'GET'): string[] => {
  const seen: string[] = [];
  const service = (name: string): InternalEndpoint => ({
    methods: ['GET', 'POST'],
    maxPathCharacters: 100,
    handle: async (_request, _response, { path, sandboxId }) =>
      void seen.push(`${name} ${path} of ${sandboxId}`),
  });
  const parts: Omit<UplinkRouterParts, 'standing'> = {
    egress: {
      onConnect: () => undefined,
      onRequest: (_request, _response, sandboxId) => void seen.push(`egress ${sandboxId}`),
    },
    services: { git: service('git'), models: service('models') },
  };
  const response = {
    writeHead: (status: number) => seen.push(String(status)),
    end: (text: string) => seen.push(text),
  };
  createUplinkRouter({ ...parts, standing }).onRequest(
    { authority, url, method } as Http2ServerRequest,
    response as unknown as Http2ServerResponse,
    'sb_1',
  );
  return seen;
};

test.each([
  ['/git/ws_1/shop/info/refs?service=x', 'git /ws_1/shop/info/refs?service=x of sb_1'],
  ['/git', 'git  of sb_1'],
  ['/models/openai/v1/chat', 'models /openai/v1/chat of sb_1'],
  ['/models', 'models  of sb_1'],
])('berth.internal%s', (url, expected) => {
  expect(ask('berth.internal', url)).toEqual([expected]);
});

test.each(['/', '/other/x', '/gitx/y', '/GIT/x', '//git/x', '*', '/constructor/x', '/toString'])(
  'nothing is at berth.internal%s',
  (url) => {
    expect(ask('berth.internal', url)).toEqual(['404', `There is nothing at berth.internal${url}.\n`]);
  },
);

test('a method that a service does not answer never reaches it', () => {
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'HEAD'])
    expect(ask('berth.internal', '/git/x', method)[0]).toBe('405');
  expect(ask('berth.internal', '/git/x', 'POST')).toEqual(['git /x of sb_1']);
});

test('a path that is longer than a service takes never reaches it', () => {
  expect(ask('berth.internal', `/models/${'x'.repeat(99)}`)[0]).toMatch(/^models/);
  expect(ask('berth.internal', `/models/${'x'.repeat(100)}`)[0]).toBe('414');
});

test('a long path is not repeated in full', () => {
  const [, text = ''] = ask('berth.internal', `/${'x'.repeat(5000)}`);
  expect(text.length).toBeLessThan(300);
});

test.each(['example.com', 'berth.internal.example.com', 'berth.internal:81', ''])(
  '%s is egress',
  (authority) => {
    expect(ask(authority, '/git/x')).toEqual(['egress sb_1']);
  },
);

test('connections are all for egress, and are held by the right of their sandbox', () => {
  const held: unknown[] = [];
  const stream = {} as Duplex;
  const egress: Egress = { onConnect: (_target, accept) => void accept(), onRequest: () => undefined };
  const hold: GrantWatch['hold'] = (...what) => void held.push(what);
  const router = createUplinkRouter({ egress, services: {}, standing: { ...standing, hold } });
  const target = { host: 'example.com', port: 443, sandboxId: 'sb_1' };
  router.onConnect(
    target,
    () => stream,
    () => undefined,
  );
  expect(held).toEqual([['sb_1', 'egress', stream]]);
});
