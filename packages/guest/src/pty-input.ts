/**
 * What is typed, on its way into a terminal. The module's own `write` holds the whole guest while the program in the
 * terminal reads nothing, so the bytes are written here, as many as the kernel takes, and the rest waits for its turn.
 */
import { writeSync } from 'node:fs';
import { systemCode } from './refusal.ts';

/** The master side of a terminal. */
export interface InputDevice {
  /** Does not block. */
  readonly fd: number;
  /** From now on the number may be another file's. */
  readonly isClosed: () => boolean;
}

export interface PtyInput {
  /** Resolves when the terminal has taken all of it, or will take nothing any more. Calls are served one after another. */
  write(bytes: Buffer): Promise<void>;
}

export const createPtyInput = (device: InputDevice): PtyInput => {
  let order = Promise.resolve();
  return {
    write: (bytes) => {
      order = order.then(() => writeAll(device, bytes));
      return order;
    },
  };
};

const writeAll = async (device: InputDevice, bytes: Buffer): Promise<void> => {
  let waitMs = FIRST_WAIT_MS;
  for (let at = 0; at < bytes.length; ) {
    const taken = writeSome(device, bytes.subarray(at));
    if (taken === undefined) return;
    at += taken;
    waitMs = taken > 0 ? FIRST_WAIT_MS : Math.min(2 * waitMs, LONGEST_WAIT_MS);
    if (at < bytes.length) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
};

/** How many bytes the kernel took now; undefined when it never will. */
const writeSome = ({ fd, isClosed }: InputDevice, bytes: Buffer): number | undefined => {
  if (isClosed()) return undefined;
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return systemCode(error) === 'EAGAIN' ? 0 : undefined;
  }
};

/** Between two tries while the terminal is full: nothing tells when it is not. */
const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 50;
