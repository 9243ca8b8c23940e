/** Writes configuration files of an agent, only those that differ: an agent may watch its own files. */
import { isBerthError } from '@berth/contract';
import type { Files } from '@berth/plugin-api';

export const writeChanged = async (files: Files, wanted: Readonly<Record<string, string>>): Promise<void> => {
  for (const [path, text] of Object.entries(wanted)) {
    const bytes = Buffer.from(text);
    if (!bytes.equals(await readOrEmpty(files, path))) await files.write(path, bytes, 0o600);
  }
};

const readOrEmpty = async (files: Files, path: string): Promise<Uint8Array> => {
  try {
    return await files.read(path);
  } catch (error) {
    if (isBerthError(error) && error.code === 'file.missing') return new Uint8Array(0);
    throw error;
  }
};
