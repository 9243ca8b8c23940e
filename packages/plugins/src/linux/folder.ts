import { chmod, mkdir } from 'node:fs/promises';

/** Makes a folder and those above it, with exactly this mode whatever the umask; returns its path. */
export const makeFolder = async (path: string, mode: number): Promise<string> => {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
  return path;
};
