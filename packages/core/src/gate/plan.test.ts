import { expect, test } from 'vitest';
import { gateInputHash, planGate, readForGate } from './plan.ts';

const repositories = [
  { name: 'app', source: '/app', branch: 'main' },
  { name: 'lib', source: '/lib', branch: 'main' },
];
const go = (repository: string) => ({ repository, paths: new Set(['go.mod']), texts: {} });

test('declared commands win over what is found, run in the first repository unless they say', () => {
  const gate = {
    commands: [
      { name: 'all', run: 'make all' },
      { name: 'lib', run: 'make lib', repository: 'lib', timeoutMs: 5000 },
    ],
  };
  expect(planGate({ gate, repositories }, [go('app')], 1000).commands).toEqual([
    { name: 'all', run: 'make all', repository: 'app', timeoutMs: 1000 },
    { name: 'lib', run: 'make lib', repository: 'lib', timeoutMs: 5000 },
  ]);
});

test('every repository of the change is judged', () => {
  const plan = planGate({ gate: { profile: 'minimal' }, repositories }, [go('app'), go('lib')], 1000);
  expect(plan.commands.map((one) => one.repository)).toEqual(['app', 'lib']);
});

test('a gate that finds nothing to run is refused', () => {
  const empty = { repository: 'app', paths: new Set(['README.md']), texts: {} };
  expect(() => planGate({ repositories }, [empty], 1000)).toThrow(
    expect.objectContaining({ code: 'gate.empty', details: { profile: 'standard' } }),
  );
});

test('the input hash names what decides the verdict, and only that', () => {
  const plan = planGate({ repositories }, [go('app')], 1000);
  const inputs = {
    commits: { app: 'a', lib: 'b' },
    driver: 'oci',
    layers: [],
    egress: { preset: 'none' },
  } as const;
  const hash = (over: object, of = plan) => gateInputHash((text) => text, of, { ...inputs, ...over });
  expect(hash({ commits: { lib: 'b', app: 'a' } })).toBe(hash({}));
  expect(hash({}, planGate({ repositories }, [go('app')], 9))).toBe(hash({}));
  for (const other of [
    { commits: { app: 'c', lib: 'b' } },
    { image: '/i.tar' },
    { layers: ['x'] },
    { driver: 'host' },
  ])
    expect(hash(other)).not.toBe(hash({}));
  expect(hash({}, planGate({ repositories }, [go('lib')], 1000))).not.toBe(hash({}));
});

test('what is read of a commit: files that decide, and the manifests of members', async () => {
  const texts: Record<string, string> = {
    'package.json': '{"workspaces": ["packages/*"]}',
    'packages/a/package.json': '{"scripts": {"test": "x"}}',
    'fixtures/package.json': '{}',
    'README.md': 'Read me',
  };
  const hub = {
    files: async () => texts,
    readFile: async (_workspace: string, _repository: string, { path }: { readonly path: string }) =>
      texts[path],
  };
  const [app] = await readForGate(hub, 'ws', { app: 'c' });
  expect(Object.keys(app?.texts ?? {})).toEqual(['package.json', 'packages/a/package.json']);
});
