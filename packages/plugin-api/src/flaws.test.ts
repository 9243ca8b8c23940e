import { expect, it } from 'vitest';
import { comparePackages, compareVersions, type Flaw, flawsIn } from './flaws.ts';

it.each([
  ['1.0', '1.0', 0],
  ['1:1.0', '2.0', 1],
  ['1.1.5+ds1-1', '1.1.5+ds1-1+deb12u1', -1],
  ['1.1.5+ds1-1+deb12u1', '1.1.5+ds1-1+deb12u1', 0],
  ['1.1.5+ds1-1+deb12u10', '1.1.5+ds1-1+deb12u9', 1],
  ['1.0.0~rc93+ds1-5+deb11u2', '1.0.0-1', -1],
  ['1.0~', '1.0', -1],
  ['1.0a', '1.0+', -1],
  ['1:2.39.5-0+deb12u2', '1:2.39.5-0+deb12u3', -1],
])('%s and %s are in the order of Debian', (a, b, sign) => {
  expect(Math.sign(comparePackages(a, b))).toBe(sign);
  expect(Math.sign(comparePackages(b, a))).toBe(sign === 0 ? 0 : -sign);
});

it('numbers are compared as numbers', () => {
  expect(compareVersions('1.10', '1.9.9')).toBeGreaterThan(0);
  expect(compareVersions('1.20', '1.20.0')).toBe(0);
});

const flaw: Flaw = {
  name: 'a flaw',
  what: 'something follows',
  since: '1.0',
  fixed: ['1.2.8', '1.3.3'],
  packages: { 'debian 12': '1.1.5+ds1-1+deb12u1' },
};
const has = (version: string, packaged?: string, distribution = 'debian 12'): boolean =>
  flawsIn([flaw], {
    version,
    packaged: packaged === undefined ? undefined : { distribution, version: packaged },
  }).length > 0;

it('a flaw is in what came before its mending, on every branch, and not in what a distribution has mended', () => {
  expect(['0.9', '1.2.8', '1.2.9', '1.3.3', '1.4.0', '2.0'].filter((version) => has(version))).toEqual([]);
  expect(['1.0', '1.1.99', '1.2.7', '1.3.2'].filter((version) => !has(version))).toEqual([]);
  expect(has('1.1.5+ds1', '1.1.5+ds1-1+deb12u1')).toBe(false);
  expect(has('1.1.5+ds1', '1.1.5+ds1-1')).toBe(true);
  expect(has('1.1.5+ds1', '1.1.5+ds1-1+deb12u1', 'debian 11')).toBe(true);
});

it('a flaw may be mended on branches of one number', () => {
  const node: Flaw = { name: 'x', what: 'y', fixed: ['22.22.2', '24.14.1'], branchNumbers: 1 };
  const found = (version: string) => flawsIn([node], { version }).length > 0;
  expect(['22.22.2', '22.23.0', '24.14.1', '24.20.0', '25.0.0'].filter(found)).toEqual([]);
  expect(['20.1.0', '22.22.1', '23.9.0', '24.9.0'].filter((version) => !found(version))).toEqual([]);
});
