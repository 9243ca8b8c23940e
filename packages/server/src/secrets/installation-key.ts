/**
 * An installation's key: 32 random bytes, created once. Everything that must be the same after a restart without
 * being stored (sandbox tokens) is derived from it; a derived value does not reveal the key.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import type { Grants } from '@berth/core';
import { createPrivateFile, readPrivateFile } from './private-file.ts';

/** In the server's home. */
export const KEY_FILE = 'key';

const KEY_BYTES = 32;

export interface InstallationKey {
  /**
   * 256 bits for a purpose and a name, base64url. Equal arguments give equal text; the arguments are unambiguously
   * separated.
   */
  derive(purpose: string, name: string): string;
}

/** Rejects with `config.invalid` if the file was tampered with, is damaged, or can be read by others. */
export const openInstallationKey = async (home: string): Promise<InstallationKey> => {
  const path = join(home, KEY_FILE);
  // Two servers that start at the same moment agree on the file that was created first.
  await createPrivateFile(path, randomBytes(KEY_BYTES).toString('hex'));
  const key = Buffer.from((await readPrivateFile(path)) ?? '', 'hex');
  if (key.length !== KEY_BYTES) {
    const message = 'must be 64 hex digits; restore the file from a backup of this home folder';
    throw fail('config.invalid', { issues: [{ path, message }] });
  }
  return {
    derive: (purpose, name) =>
      createHmac('sha256', key)
        .update(JSON.stringify([purpose, name]))
        .digest('base64url'),
  };
};

/** Sandbox tokens: derived, so that a step that is run again after a crash hands out the same one. */
export const createGrants = (key: InstallationKey): Grants => ({
  tokenFor: (sandboxId) => `berthsb_${key.derive('sandbox-token', sandboxId)}`,
  hash: hashToken,
});

/** SHA-256, hex. Tokens have 256 random bits, so a fast hash without salt is sufficient. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');
