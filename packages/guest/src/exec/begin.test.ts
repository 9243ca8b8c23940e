import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { afterEach, expect, it, vi } from 'vitest';
import { starterBegan } from './begin.ts';

afterEach(() => vi.useRealTimers());

it('a program that does not begin and that may not be ended is refused, and the guest lives on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'] });
  await once(child, 'spawn');
  // What Node makes of EPERM.
  const begun = starterBegan(child, () => child.emit('error', new Error('kill EPERM')));
  const refused = expect(begun).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  await vi.advanceTimersByTimeAsync(GUEST_LIMITS.execBeginMs);
  await refused;
  child.kill('SIGKILL');
});
