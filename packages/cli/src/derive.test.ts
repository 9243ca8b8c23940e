import { ROUTES, type RouteShape } from '@berth/contract';
import { describe, expect, test } from 'vitest';
import { flagsOf } from './derive.ts';
import { ROUTE_COMMANDS } from './route-commands.ts';

const flags = (id: string) => flagsOf(ROUTES.find((route) => route.id === id) as RouteShape);
const flag = (id: string, field: string) => {
  const found = flags(id).find((one) => one.field === field);
  expect(found, `${id} has no flag for ${field}`).toBeDefined();
  return found as NonNullable<typeof found>;
};

describe('flags', () => {
  test('every field of query and body is one', () => {
    const task = ROUTES.find(({ id }) => id === 'task.create') as RouteShape;
    expect(flags('task.create').map(({ field }) => field)).toEqual(Object.keys(task.body?.shape ?? {}));
    expect(flags('task.list').map(({ field }) => field)).toEqual([
      'after',
      'limit',
      'state',
      'workspaceId',
      'parentId',
    ]);
  });

  test('what is needed is needed', () => {
    expect(flag('task.create', 'workspaceId')).toMatchObject({
      required: true,
      syntax: '--workspace <text>',
    });
    expect(flag('task.create', 'agent').required).toBe(false);
  });

  test('enums are choices, durations have units, numbers are numbers', () => {
    expect(flag('token.create', 'role').choices).toEqual(['viewer', 'operator', 'owner']);
    const ttl = flag('sandbox.create', 'ttlMs');
    expect(ttl.syntax).toBe('--ttl <duration>');
    expect(['1500', '2s', '1.5m', '1h', '1d'].map(ttl.read)).toEqual([
      1500, 2000, 90_000, 3_600_000, 86_400_000,
    ]);
    expect(() => ttl.read('soon')).toThrow(/--ttl/);
    expect(flag('task.create', 'priority').read('7')).toBe(7);
    expect(() => flag('task.create', 'priority').read('high')).toThrow(/--priority/);
  });

  test('nested values are JSON, pairs, or the word of their variant', () => {
    const egress = flag('sandbox.create', 'egress');
    expect(egress.read('packages')).toEqual({ preset: 'packages' });
    const hosts = ['packages', '*.example.com:8443'];
    expect(egress.read(hosts.join(', '))).toEqual({ preset: 'custom', allow: hosts });
    expect(egress.meaning).toBe('none, packages, a list to allow (a,b,…), or JSON');
    expect(egress.read('{"preset":"custom","allow":["a.b"]}')).toEqual({ preset: 'custom', allow: ['a.b'] });
    const limits = flag('sandbox.create', 'limits');
    expect(limits.read('cpus=1.5,pids=64')).toEqual({ cpus: 1.5, pids: 64 });
    for (const text of ['{', 'cpus', 'cpus=1,pids']) expect(() => limits.read(text)).toThrow(/--limits/);
    const after = flag('task.create', 'after');
    expect([after.syntax, after.read('tk_1, tk_2')]).toEqual(['--after <a,b,…>', ['tk_1', 'tk_2']]);
    expect(flag('workspace.create', 'gate').read('profile=minimal')).toEqual({ profile: 'minimal' });
  });

  test('every command names a route and its fields', () => {
    for (const { route, positionals = [] } of ROUTE_COMMANDS) {
      const shape = ROUTES.find(({ id }) => id === route) as RouteShape;
      const fields = { ...shape.params?.shape, ...shape.query?.shape, ...shape.body?.shape };
      for (const name of positionals) expect(Object.keys(fields), route).toContain(name.replace('…', ''));
      expect(positionals).toEqual(expect.arrayContaining(Object.keys(shape.params?.shape ?? {})));
    }
  });
});
