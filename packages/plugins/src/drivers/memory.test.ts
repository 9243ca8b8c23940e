import { driverConformance } from '@berth/plugin-api/conformance';
import { describe, expect, it } from 'vitest';
import { driverHost } from '../../testing/driver-host.ts';
import { killInMemory } from '../../testing/kill-machine.ts';
import memory from './memory.ts';

driverConformance(memory, { config: {}, host: driverHost, kill: killInMemory, saysVerdict: true });

const spec = { id: 'sb_1', layers: [], limits: {}, env: {}, tools: [] };

describe('the memory driver follows its script', () => {
  it('fails as often as it was told and leaves a half-made machine that destroy removes', async () => {
    await using host = await driverHost();
    const driver = memory.open(memory.config.parse({ failCreates: 1, failDestroys: 1 }), host);
    await expect(driver.create(spec, AbortSignal.timeout(1000))).rejects.toMatchObject({
      code: 'driver.failed',
    });
    expect(await driver.attach('sb_1')).toBeUndefined();
    expect(await Array.fromAsync(driver.list())).toEqual([{ id: 'sb_1' }]);
    expect(await driver.inspect('sb_1')).toEqual({ state: 'unfinished' });
    await expect(driver.destroy('sb_1')).rejects.toMatchObject({ code: 'driver.failed' });
    await driver.destroy('sb_1');
    expect(await Array.fromAsync(driver.list())).toEqual([]);
    expect((await driver.create(spec, AbortSignal.timeout(1000))).id).toBe('sb_1');
  });

  it('hangs until it is aborted', async () => {
    await using host = await driverHost();
    const driver = memory.open(memory.config.parse({ hang: true }), host);
    await expect(driver.create(spec, AbortSignal.timeout(20))).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});
