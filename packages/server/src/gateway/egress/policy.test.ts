import type { EgressPolicy } from '@berth/contract';
import { expect, test } from 'vitest';
import { parseAuthority } from './host.ts';
import { decide, type EgressRule } from './policy.ts';

const REGISTRIES = [
  { host: 'registry.test', port: 443, named: false },
  { host: 'house.test', port: 4873, named: true },
];

const ask = (policy: EgressPolicy, authority: string, during: EgressRule['during'] = 'work') => {
  const target = parseAuthority(authority, 443);
  if (target === undefined) throw new Error(`${authority} is no authority`);
  return decide({ policy, during }, REGISTRIES, target);
};

test.each<[EgressPolicy, string, string | undefined]>([
  [{ preset: 'none' }, 'registry.test', '--egress packages'],
  [{ preset: 'none' }, 'house.test:4873', '--egress packages'],
  [{ preset: 'none' }, 'example.com', '--egress example.com'],
  [{ preset: 'none' }, 'example.com:80', '--egress example.com'],
  [{ preset: 'none' }, 'example.com:8443', '--egress example.com:8443'],
  [{ preset: 'packages' }, 'example.com', '--egress packages,example.com'],
  [{ preset: 'custom', allow: ['a.test'] }, 'b.test', '--egress a.test,b.test'],
  [{ preset: 'custom', allow: ['a.test'] }, 'registry.test', '--egress a.test,packages'],
  [{ preset: 'custom', allow: [...'123456'].map((n) => `${n}.test`) }, 'b.test', '--egress ...,b.test'],
  // What no rule can name is not advised.
  [{ preset: 'none' }, '[2001:4860:4860::8888]:443', undefined],
  [{ preset: 'none' }, 'a_b.test', undefined],
  // Nor what would be read as another policy: an agent chooses the name.
  [{ preset: 'none' }, 'packages', undefined],
  [{ preset: 'packages' }, 'packages:8443', undefined],
  [{ preset: 'none' }, 'none', undefined],
  [{ preset: 'none' }, 'custom', undefined],
  // Nor what is refused whatever a policy says.
  [{ preset: 'none' }, 'localhost', undefined],
  [{ preset: 'none' }, 'a.localhost:3000', undefined],
  [{ preset: 'none' }, 'berth.internal', undefined],
  [{ preset: 'none' }, '0.0.0.0:39920', undefined],
  [{ preset: 'none' }, '169.254.169.254', undefined],
  [{ preset: 'none' }, '10.0.0.1:22', undefined],
  [{ preset: 'none' }, 'metadata.google.internal', undefined],
  [{ preset: 'none' }, 'printer.local:631', undefined],
  [{ preset: 'none' }, 'router.home.arpa', undefined],
  [{ preset: 'none' }, 'ip6-localhost:39777', undefined],
  [{ preset: 'none' }, 'sandbox:39777', undefined],
  [{ preset: 'none' }, '8.8.8.8', '--egress 8.8.8.8'],
])('%j denies %s and says that %s allows it', (policy, authority, remedy) => {
  expect(ask(policy, authority)).toMatchObject({ verdict: 'denied', remedy });
});

test('what is advised allows the host', () => {
  const advised = { preset: 'custom', allow: ['packages', 'example.com'] } as const;
  expect(ask({ ...advised, allow: [...advised.allow] }, 'example.com')).toMatchObject({ verdict: 'allowed' });
  const registry = ask({ ...advised, allow: [...advised.allow] }, 'house.test:4873');
  expect(registry).toMatchObject({ verdict: 'allowed', reason: 'a package registry', mayBePrivate: true });
});

test('of a set-up another policy is the one to change', () => {
  expect(ask({ preset: 'packages' }, 'example.com', 'setup')).toMatchObject({
    remedy:
      '"egress" in the set-up of the workspace (packages,example.com), or --egress packages,example.com for a change that brings what its set-up runs',
  });
});
