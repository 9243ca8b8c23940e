/**
 * Bootstraps the first owner. Whoever can write to the home folder can put a `bootstrap-token` there (the server
 * creates one at its first start), and the server derives the owner token from it with an HMAC, so that a crash at
 * any point gives the same owner token. The bootstrap token is then deleted and never needed again. To replace a lost
 * owner token, put a new bootstrap token into the folder and restart.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { allRows, type Store } from '@berth/core';
import { hashToken } from '../../secrets/installation-key.ts';
import { createPrivateFile, readPrivateFile, replacePrivateFile } from '../../secrets/private-file.ts';
import type { Tokens } from './tokens.ts';

const BOOTSTRAP_BYTES = 32;
const LEAST_BOOTSTRAP_CHARACTERS = 32;

/** Ensures that an owner exists. Returns the path of the owner token file. */
export const ensureOwner = async (home: string, store: Store, tokens: Tokens): Promise<string> => {
  const bootstrapPath = join(home, 'bootstrap-token');
  const ownerPath = join(home, 'owner-token');
  if (!(await hasOwner(store))) {
    await createPrivateFile(bootstrapPath, randomBytes(BOOTSTRAP_BYTES).toString('base64url'));
  }
  const bootstrap = (await readPrivateFile(bootstrapPath))?.trim();
  if (bootstrap === undefined) return ownerPath;
  if (bootstrap.length < LEAST_BOOTSTRAP_CHARACTERS) {
    const message = `must have at least ${LEAST_BOOTSTRAP_CHARACTERS} random characters`;
    throw fail('config.invalid', { issues: [{ path: bootstrapPath, message }] });
  }
  const secret = `berth_${createHmac('sha256', bootstrap).update('owner token').digest('base64url')}`;
  await replacePrivateFile(ownerPath, `${secret}\n`);
  if (!(await isKnown(store, secret))) await tokens.create({ name: 'owner', role: 'owner', secret });
  await rm(bootstrapPath, { force: true });
  return ownerPath;
};

const hasOwner = (store: Store): Promise<boolean> =>
  store.read(async (tx) => {
    const owners = await allRows(tx, { table: 'tokens', where: { role: 'owner' } });
    return owners.some((token) => token.revokedAt === undefined && token.expiresAt === undefined);
  });

const isKnown = (store: Store, secret: string): Promise<boolean> =>
  store.read(async (tx) => (await tx.table('tokenSecrets').count({ hash: hashToken(secret) })) > 0);
