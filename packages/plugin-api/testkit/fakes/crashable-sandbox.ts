/**
 * A sandbox as seen by a server that can crash: from then on its calls neither continue nor return, while the sandbox
 * itself survives. A new server must be able to continue.
 */
import type { Process, Sandbox } from '../../src/sandbox.ts';

export interface CrashableSandbox {
  readonly sandbox: Sandbox;
  die(): void;
}

export const createCrashableSandbox = (inner: Sandbox): CrashableSandbox => {
  const life = { dead: false };
  /** Never resolves once the server is dead, including calls made before. */
  const alive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (life.dead) return forever();
    const result = await work();
    return life.dead ? forever() : result;
  };
  const mortal = (process: Process): Process => ({
    id: process.id,
    async *output(from, signal) {
      for await (const chunk of process.output(from, signal)) {
        if (life.dead) await forever();
        yield chunk;
      }
    },
    write: (offset, bytes) => alive(() => process.write(offset, bytes)),
    closeInput: () => alive(() => process.closeInput()),
    signal: (name) => alive(() => process.signal(name)),
  });
  return {
    die: () => {
      life.dead = true;
    },
    sandbox: {
      ...inner,
      start: async (spec) => mortal(await alive(() => inner.start(spec))),
      attach: async (execId) => {
        const process = await alive(() => inner.attach(execId));
        return process === undefined ? undefined : mortal(process);
      },
      endCommands: (idPrefix) => alive(() => inner.endCommands(idPrefix)),
      run: (spec, signal) => alive(() => inner.run(spec, signal)),
      connectPort: (port, signal) => alive(() => inner.connectPort(port, signal)),
      metrics: () => alive(() => inner.metrics()),
    },
  };
};

const forever = (): Promise<never> => Promise.withResolvers<never>().promise;
