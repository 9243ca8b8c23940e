import { expect, test } from 'vitest';
import { gateInputHash, groupsOf, planGate, planOf, readForGate } from './plan.ts';

const repositories = [
  { name: 'app', source: '/app', branch: 'main' },
  { name: 'lib', source: '/lib', branch: 'main' },
];
const DEFAULTS = { gate: 'standard', gateTimeoutMs: 1000 } as const;
const go = (repository: string) => ({ repository, paths: new Set(['go.mod']), texts: {} });

test('declared commands win over what is found, run in the first repository unless they say', () => {
  const gate = {
    commands: [
      { name: 'all', run: 'make all' },
      { name: 'lib', run: 'make lib', repository: 'lib', timeoutMs: 5000 },
    ],
  };
  expect(planGate({ gate, repositories }, [go('app')], DEFAULTS).commands).toEqual([
    { name: 'all', run: 'make all', repository: 'app', timeoutMs: 1000, needs: [] },
    { name: 'lib', run: 'make lib', repository: 'lib', timeoutMs: 5000, needs: [] },
  ]);
});

test('every repository of the change is judged', () => {
  const plan = planGate({ gate: { profile: 'minimal' }, repositories }, [go('app'), go('lib')], DEFAULTS);
  expect(plan.commands.map((one) => one.repository)).toEqual(['app', 'lib']);
});

test('a gate that finds nothing to run is refused', () => {
  const empty = { repository: 'app', paths: new Set(['README.md']), texts: {} };
  expect(() => planGate({ repositories }, [empty], DEFAULTS)).toThrow(
    expect.objectContaining({ code: 'gate.empty', details: { profile: 'standard' } }),
  );
});

test('the input hash names everything that decides the verdict', () => {
  const { commands } = planGate({ repositories }, [go('app')], DEFAULTS);
  const limits = { cpus: 1, memoryBytes: 2 ** 30, pids: 100, diskBytes: 2 ** 30, inodes: 10_000 };
  const setup = { commands: [{ run: 'make' }], egress: { preset: 'packages' }, timeoutMs: 1000 } as const;
  const inputs = {
    ...{ workspaceId: 'ws_1', trees: { app: 'a', lib: 'b' }, commands, driver: 'oci', setup, limits },
    isolation: 'container',
    contents: 'of an image',
    egress: { preset: 'none' },
  } as const;
  const hash = (over: object) => gateInputHash((text) => text, { ...inputs, ...over });
  expect(hash({ trees: { lib: 'b', app: 'a' } })).toBe(hash({}));
  for (const other of [
    { workspaceId: 'ws_2' },
    { trees: { app: 'c', lib: 'b' } },
    { contents: 'of another image' },
    { setup: { ...setup, egress: { preset: 'none' } } },
    { setup: undefined },
    { setup: { ...setup, commands: [{ run: 'make all' }] } },
    { driver: 'host' },
    { isolation: 'vm' },
    { egress: { preset: 'packages' } },
    { limits: { ...limits, memoryBytes: 2 ** 28 } },
    { commands: planGate({ repositories }, [go('lib')], DEFAULTS).commands },
    { commands: planGate({ repositories }, [go('app')], { ...DEFAULTS, gateTimeoutMs: 9 }).commands },
  ])
    expect(hash(other)).not.toBe(hash({}));
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

test('the server says how thorough a gate is when its workspace does not', () => {
  const files = { repository: 'app', paths: new Set(['go.mod']), texts: {} };
  const namesOf = (gate: 'minimal' | 'standard', own?: 'minimal') =>
    planOf({ repositories, gate: { profile: own } }, [files], { ...DEFAULTS, gate }).commands.map(
      (one) => one.name,
    );
  expect(namesOf('minimal')).toEqual(['go-test']);
  expect(namesOf('standard')).toEqual(['go-lint', 'go-build', 'go-test']);
  expect(namesOf('standard', 'minimal')).toEqual(['go-test']);
});

test('commands share a sandbox only when they say that they need each other', () => {
  const command = (name: string, ...needs: string[]) => ({
    name,
    needs,
    repository: 'app',
    run: name,
    timeoutMs: 1,
  });
  const namesOf = (...commands: ReturnType<typeof command>[]) =>
    groupsOf(commands).map((group) => group.map(({ name }) => name).join(' '));
  expect(namesOf(command('a'), command('b'), command('c', 'a'))).toEqual(['a c', 'b']);
  expect(namesOf(command('a'), command('b'), command('c', 'a', 'b'))).toEqual(['a b c']);
  expect(namesOf(command('a'), command('b', 'a'), command('c', 'b'), command('d'))).toEqual(['a b c', 'd']);
});
