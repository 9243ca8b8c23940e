import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { explainNoSpace } from './no-space.ts';

test('a full disk is told wherever it stands in the chain of causes; everything else stays itself', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  const wrapped = fail('driver.failed', { driver: 'oci', act: 'create', detail: 'write' }, { cause: full });
  for (const failure of [full, wrapped, new Error('runc: No space left on device')])
    expect(explainNoSpace(failure, '/home')).toMatchObject({ code: 'disk.full', details: { path: '/home' } });
  const other = new Error('something else');
  expect(explainNoSpace(other, '/home')).toBe(other);
  expect(explainNoSpace('text', '/home')).toBe('text');
});
