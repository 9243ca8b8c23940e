/** Sandboxes whose streams never end, and which note how much of them was taken. */
import { Duplex } from 'node:stream';
import type { ExecChunk, Files, Process, Sandbox } from '@berth/plugin-api';
import type { SandboxAccess } from '../../src/http/handlers/sandbox.ts';
import type { OpenTerminal } from '../../src/http/handlers/sandbox-shell.ts';
import { ids } from './harness.ts';

export interface SandboxStub {
  readonly access: SandboxAccess;
  readonly id: string;
  /** Taken from all its streams so far. */
  takenBytes(): number;
  /** Streams of it that were opened so far, and those that are open. */
  opened(): number;
  reading(): number;
  /** From now on no upload is read, until the returned function is called. */
  holdWrites(): () => void;
}

const PIECE_BYTES = 65_536;
const DIFF_BYTES = 2 ** 20;

export const createSandboxStub = (): SandboxStub => {
  const id = ids.new('sandbox');
  let [takenBytes, opened, reading] = [0, 0, 0];
  let writable = Promise.resolve();
  const endless = async function* (): AsyncGenerator<Buffer> {
    opened += 1;
    reading += 1;
    try {
      for (;;) {
        takenBytes += PIECE_BYTES;
        yield Buffer.alloc(PIECE_BYTES, 'a');
        // As from a socket, so that other streams have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      reading -= 1;
    }
  };
  const files: Files = {
    ...refusing(['read', 'list', 'stat', 'makeFolder', 'rename', 'remove']),
    open: async () => endless(),
    write: async (_path, bytes) => {
      await writable;
      for await (const piece of bytes as AsyncIterable<Uint8Array>) void piece;
    },
  };
  const output = async function* (): AsyncGenerator<ExecChunk> {
    let cursor = 0;
    for await (const bytes of endless()) {
      yield { kind: 'output', stream: 'stdout', cursor, bytes };
      cursor += bytes.length;
    }
  };
  const process: Process = { ...refusing(['write', 'closeInput', 'signal']), id: ids.new('exec'), output };
  const sandbox: Sandbox = {
    ...refusing(['start', 'endCommands', 'run', 'metrics']),
    connectPort: async () => silentFor(endless()),
    ...{ id, root: '/workspace', home: '/home', internalUrl: 'http://berth.internal', files },
    attach: async () => process,
  };
  return {
    id,
    access: {
      ...refusing(['create', 'remove']),
      open: async () => sandbox,
      shell: async () => terminalOf(endless()),
      repositories: {
        ...refusing(['status', 'commit', 'push']),
        diff: async () => {
          takenBytes += DIFF_BYTES;
          return 'd'.repeat(DIFF_BYTES);
        },
      },
    },
    takenBytes: () => takenBytes,
    opened: () => opened,
    reading: () => reading,
    holdWrites: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      writable = promise;
      return resolve;
    },
  };
};

const terminalOf = (source: AsyncIterable<Buffer>): OpenTerminal => ({
  stream: silentFor(source),
  resize: async () => undefined,
  kill: async () => undefined,
});

/** A stream of it that takes no input. */
const silentFor = (source: AsyncIterable<Buffer>): Duplex => {
  const from = source[Symbol.asyncIterator]();
  const stream: Duplex = new Duplex({
    readableHighWaterMark: PIECE_BYTES,
    read: () => void from.next().then(({ value }) => stream.push(value)),
    write: () => undefined,
    destroy: (error, done) => void from.return?.().then(() => done(error)),
  });
  return stream;
};

const refusing = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(
    names.map((name) => [name, () => Promise.reject(new RangeError(`${name} is not asked for`))]),
  ) as Record<Name, () => Promise<never>>;
