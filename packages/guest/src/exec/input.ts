/** The stdin of a command, addressed by offset so that a writer that restarts may resend everything. */
import type { Writable } from 'node:stream';
import { invalid } from '../refusal.ts';

export interface Input {
  readonly receivedBytes: number;
  /** Writes the new part. Resolves when the pipe has taken it; refuses a gap. */
  write(offset: number, bytes: Buffer): Promise<void>;
  /** The input is complete. */
  writeAll(bytes: Buffer): void;
  close(): Promise<void>;
}

export const createInput = (stdin: Writable | null): Input => {
  let receivedBytes = 0;
  let order = Promise.resolve();
  // A process may close its input at any time; unread input is not a failure.
  stdin?.on('error', () => undefined);
  const put = (offset: number, bytes: Buffer): Promise<void> => {
    if (offset > receivedBytes)
      throw invalid('offset', `${offset} is beyond the ${receivedBytes} bytes received`);
    const fresh = bytes.subarray(receivedBytes - offset);
    receivedBytes += fresh.length;
    const { promise, resolve } = Promise.withResolvers<void>();
    if (stdin === null || stdin.destroyed || stdin.writableEnded || fresh.length === 0) resolve();
    else stdin.write(fresh, () => resolve());
    return promise;
  };
  const inOrder = (act: () => Promise<void> | void): Promise<void> => {
    const done = order.then(act);
    // The caller gets its failure; the next in the queue runs regardless.
    order = done.catch(() => undefined);
    return done;
  };
  return {
    get receivedBytes() {
      return receivedBytes;
    },
    write: (offset, bytes) => inOrder(() => put(offset, bytes)),
    writeAll: (bytes) => {
      receivedBytes = bytes.length;
      stdin?.end(bytes);
    },
    close: () =>
      inOrder(() => {
        stdin?.end();
      }),
  };
};
