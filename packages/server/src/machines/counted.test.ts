import type { ExecChunk, ExecExit, Process } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import type { SandboxClient } from '../guest/sandbox-client.ts';
import { counted } from './counted.ts';

const SPEC = { id: 'ex_1', argv: ['true'] as const };
const exitOf = (outOfMemory: boolean): ExecExit => ({
  exitCode: 0,
  timedOut: false,
  outOfMemory,
  durationMs: 1,
});
const OUTPUT: ExecChunk = { kind: 'output', stream: 'stdout', cursor: 0, bytes: Buffer.from('x') };

const processOf = (outOfMemory: boolean): Process => ({
  id: 'ex_1',
  async *output() {
    yield OUTPUT;
    yield { kind: 'exit', exit: exitOf(outOfMemory) };
  },
  write: async () => undefined,
  closeInput: async () => undefined,
  signal: async () => undefined,
});

/** A guest that says this of itself; `kills` are what the driver counts, look by look, undefined when it fails. */
const scene = (saysOutOfMemory: boolean, kills: (number | undefined)[]): SandboxClient => {
  const guest: Partial<SandboxClient> = {
    id: 'sb_1',
    metrics: async () => ({ uptimeMs: 7, memoryBytes: 1, memoryLimitBytes: 9 }),
    start: async () => processOf(saysOutOfMemory),
    attach: async (execId) => (execId === 'ex_1' ? processOf(saysOutOfMemory) : undefined),
    run: async () => ({ ...exitOf(saysOutOfMemory), stdout: 'x', stderr: '', truncated: false }),
  };
  const looks = [...kills];
  const outOfMemoryKills = async (): Promise<number> => {
    const look = looks.shift();
    if (look === undefined) throw new Error('the machine is gone');
    return look;
  };
  const usage = async () => ({
    ...{ memoryBytes: 2, cpuSeconds: 3, processes: 4 },
    outOfMemoryKills: await outOfMemoryKills(),
  });
  return counted(guest as SandboxClient, { usage, outOfMemoryKills });
};

const read = async (process: Process | undefined): Promise<ExecChunk[]> =>
  process === undefined ? [] : Array.fromAsync(process.output());

const CASES: [string, boolean, (number | undefined)[], boolean][] = [
  ['no kill', false, [1, 1], false],
  ['a kill that the driver counted', false, [1, 2], true],
  ['a kill that the guest tells of', true, [1, 1], true],
  ['no counter before', false, [undefined, 2], false],
  ['no counter after', false, [1, undefined], false],
];

test.each(CASES)('%s', async (_name, says, kills, expected) => {
  const chunks = [OUTPUT, { kind: 'exit', exit: exitOf(expected) }];
  expect(await read(await scene(says, kills).start(SPEC))).toEqual(chunks);
  expect(await read(await scene(says, kills).attach('ex_1'))).toEqual(chunks);
  expect(await scene(says, kills).run(SPEC)).toMatchObject({ stdout: 'x', outOfMemory: expected });
});

test('there is nothing to attach to', async () => {
  expect(await scene(false, [1]).attach('ex_2')).toBeUndefined();
});

test('the counters of the driver go before those of the guest, which stay when there are none', async () => {
  const client = scene(false, [5]);
  expect(client.id).toBe('sb_1');
  const guest = { uptimeMs: 7, memoryBytes: 1, memoryLimitBytes: 9 };
  const driver = { memoryBytes: 2, cpuSeconds: 3, processes: 4, outOfMemoryKills: 5 };
  expect(await client.metrics()).toEqual({ ...guest, ...driver });
  expect(await client.metrics()).toEqual(guest);
});
