/** Gaps of the conformance suite, tried with a driver that breaks one promise and with gaps that are none. */
import { execFile } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { type DriverPlugin, defineDriver } from '@berth/plugin-api';
import { driverConformance } from '@berth/plugin-api/conformance';
import { expect, it } from 'vitest';
import { z } from 'zod';
import memory from '../../src/drivers/memory.ts';
import { driverHost } from '../../testing/driver-host.ts';
import { killInMemory } from '../../testing/kill-machine.ts';

const forgetful: DriverPlugin = defineDriver({
  ...memory,
  name: 'memory that forgets a variable',
  open: (config, host) => {
    const driver = memory.open(config, host);
    const forgotten = ({ CONFORMANCE: _, ...env }: Readonly<Record<string, string>>) => env;
    return {
      ...driver,
      create: (spec, signal) => driver.create({ ...spec, env: forgotten(spec.env) }, signal),
    };
  },
});

// Were a gap not run inverted, this would be red; were it not run at all, the second test below would.
driverConformance(forgetful, {
  config: {},
  host: driverHost,
  kill: killInMemory,
  saysVerdict: true,
  gaps: [{ title: 'commands see the requested environment', why: 'it forgets it' }],
});

const Results = z.array(z.object({ title: z.string(), status: z.string() }));

/** A run of its own, because it has to fail. */
const RUN = `
import { startVitest } from 'vitest/node';
const [file] = process.argv.slice(1);
const run = await startVitest('test', [file], { watch: false, config: false, include: [file], reporters: [{}] });
const tests = run.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
console.log(JSON.stringify(tests.map((test) => ({ title: test.name, status: test.result().state }))));
await run.close();`;

it('a gap that was mended and a gap without a case are red, and nothing else', {
  timeout: 60_000,
}, async () => {
  const file = fileURLToPath(new URL('../../testing/stale-gaps.ts', import.meta.url));
  const args = ['--input-type=module', '--eval', RUN, '--', file];
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile(execPath, args, (error, stdout) => resolve({ code: error?.code ?? 0, output: stdout }));
  });
  expect(code).toBe(1);
  const results = Results.parse(JSON.parse(output));
  expect(results.length).toBeGreaterThan(15);
  expect(results.filter(({ status }) => status !== 'passed')).toEqual([
    { title: 'attach of an unknown id finds nothing (gap: mended since)', status: 'failed' },
    { title: 'has a case for the gap "machines can fly"', status: 'failed' },
  ]);
});
