/**
 * Combines the counters that the driver reads from outside with the guest's report. A sandbox cannot read its own
 * control group everywhere (v1 shows none inside), and a guest that an agent controls may report anything; the
 * kernel's counters are subject to neither.
 */
import type { ExecChunk, LimitsFacet, Process } from '@berth/plugin-api';
import type { SandboxClient } from '../guest/sandbox-client.ts';

/** The counters of one sandbox. */
type Counters = { readonly [name in keyof LimitsFacet]: () => ReturnType<LimitsFacet[name]> };

/** They may fail: a machine that is gone has no counters, and its guest's report is used. */
export const counted = (client: SandboxClient, counters: Counters): SandboxClient => {
  const kills = (): Promise<number | undefined> => counters.outOfMemoryKills().catch(() => undefined);
  const killedSince = async (before: number | undefined): Promise<boolean> =>
    before !== undefined && ((await kills()) ?? before) > before;
  return {
    ...client,
    metrics: async () => ({ ...(await client.metrics()), ...(await counters.usage().catch(() => ({}))) }),
    start: async (spec) => {
      const before = await kills();
      return judged(await client.start(spec), () => killedSince(before));
    },
    attach: async (execId) => {
      const before = await kills();
      const process = await client.attach(execId);
      return process === undefined ? undefined : judged(process, () => killedSince(before));
    },
    run: async (spec, signal) => {
      const before = await kills();
      const result = await client.run(spec, signal);
      return { ...result, outOfMemory: result.outOfMemory || (await killedSince(before)) };
    },
  };
};

const judged = (process: Process, ranOutOfMemory: () => Promise<boolean>): Process => ({
  ...process,
  async *output(from, signal): AsyncIterable<ExecChunk> {
    for await (const chunk of process.output(from, signal)) {
      if (chunk.kind !== 'exit') yield chunk;
      else {
        const outOfMemory = chunk.exit.outOfMemory || (await ranOutOfMemory());
        yield { kind: 'exit', exit: { ...chunk.exit, outOfMemory } };
      }
    }
  },
});
