import { stat } from 'node:fs/promises';

/** For `.catch`: the value stands for a file that does not exist; every other failure remains one. */
export const ifMissing =
  <const T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return value;
    throw error;
  };

/** A link is followed. */
export const exists = (path: string): Promise<boolean> => stat(path).then(() => true, ifMissing(false));
