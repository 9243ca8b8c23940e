import { expect, test } from 'vitest';
import { systemPath } from './find-program.ts';

const PLACE = { root: '/workspace', home: '/home/agent' };

test.each([
  ['/home/agent/.local/bin:/usr/bin:/bin', '/usr/bin:/bin'],
  ['/opt/berth/bin:/workspace/app/bin:/usr/bin', '/opt/berth/bin:/usr/bin'],
  ['.:bin::/usr/bin/../../home/agent/bin:/usr/bin/', '/usr/bin/'],
  ['/tmp/x:/home/agent:/workspace:/home/agents/bin', '/home/agents/bin'],
  ['/home/agent/bin', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  [undefined, '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
])('of %s programs of ours are found in %s', (path, found) => {
  expect(systemPath(path, PLACE)).toBe(found);
});
