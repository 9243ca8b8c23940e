/**
 * Tokens: 256 random bits, shown once, stored as a SHA-256 hash in a separate table. Known callers are cached in
 * memory and evicted by the revocation event and at their expiry, so that such a token fails immediately and its
 * streams end.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { fail, type Role, type Token } from '@berth/contract';
import { type Clock, createAlarm, type Ids, type Store } from '@berth/core';
import { hashToken } from '../../secrets/installation-key.ts';
import type { Caller } from '../handler-types.ts';

const TOKEN_BYTES = 32;
const LONGEST_TOKEN_CHARACTERS = 200;
const KNOWN_TOKENS = 10_000;
/** `lastUsedAt` is informational; updating it on every request would be a disk write per request. */
const SEEN_EVERY_MS = 60_000;

export interface Tokens {
  /** The caller with this secret, or undefined when it is unknown, revoked or expired. */
  authenticate(secret: string): Promise<Caller | undefined>;
  create(wanted: {
    readonly name: string;
    readonly role: Role;
    readonly ttlMs?: number | undefined;
    /** Default: random. */
    readonly secret?: string | undefined;
  }): Promise<{ readonly token: Token; readonly secret: string }>;
  /** Idempotent. Rejects with `record.missing`. */
  revoke(id: string): Promise<Token>;
  close(): void;
}

interface Known {
  readonly caller: Caller;
  readonly leaving: Leaving;
  /** When its record was read. */
  readonly readAt: number;
  seenAt: number;
}

interface TokenParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

export const createTokens = ({ store, clock, ids }: TokenParts): Tokens => {
  const known = new Map<string, Known>();
  let revocations = 0; // What was read may be older than a revocation, after which nothing else would evict it.
  const leavings = createLeavings({ store, clock }, (tokenId) => forget(tokenId));

  const forget = (tokenId: string): void => {
    for (const [hash, entry] of known) if (entry.caller.tokenId === tokenId) known.delete(hash);
    leavings.end(tokenId);
  };
  const unsubscribe = store.notices.subscribe(({ events }) => {
    const revoked = events.filter(({ type }) => type === 'token.revoked');
    revocations += revoked.length;
    for (const { subject } of revoked) forget(subject);
  });

  const remember = (hash: string, token: Token): Known => {
    const leaving = leavings.of(token);
    const caller = { tokenId: token.id, name: token.name, role: token.role, gone: leaving.gone.signal };
    const entry = { ...{ caller, leaving, readAt: clock.now() }, seenAt: token.lastUsedAt ?? 0 };
    if (known.size >= KNOWN_TOKENS) known.clear();
    known.set(hash, entry);
    return entry;
  };

  const lookUp = async (hash: string): Promise<Known | undefined> => {
    const before = revocations;
    const token = await findToken(store, hash);
    if (before !== revocations) return await lookUp(hash);
    return token === undefined || token.revokedAt !== undefined ? undefined : remember(hash, token);
  };

  return {
    async authenticate(secret) {
      if (secret.length > LONGEST_TOKEN_CHARACTERS) return undefined;
      const hash = hashToken(secret);
      const now = clock.now();
      const kept = known.get(hash);
      // When the clock is set back, the recorded time is adjusted.
      const entry = kept === undefined || kept.readAt > now ? await lookUp(hash) : kept;
      if (entry === undefined) return undefined;
      if (isPast(entry.leaving, now)) {
        forget(entry.caller.tokenId);
        return undefined;
      }
      if (now - entry.seenAt >= SEEN_EVERY_MS) {
        entry.seenAt = now;
        await markSeen(store, entry.caller.tokenId, now);
      }
      return entry.caller;
    },
    async create({ name, role, ttlMs, secret = `berth_${randomBytes(TOKEN_BYTES).toString('base64url')}` }) {
      const id = ids.new('token');
      const token = await store.write(async (tx) => {
        const expiresAt = ttlMs === undefined ? undefined : clock.now() + ttlMs;
        await tx.table('tokenSecrets').insert({ id, hash: hashToken(secret) });
        await tx.emit({ type: 'token.created', subject: id, data: { name, role } });
        return await tx.table('tokens').insert({ id, name, role, expiresAt });
      });
      return { token, secret };
    },
    revoke: (id) =>
      store.write(async (tx) => {
        const token = await tx.table('tokens').get(id);
        if (token === undefined) throw fail('record.missing', { noun: 'token', id });
        if (token.revokedAt !== undefined) return token;
        await tx.emit({ type: 'token.revoked', subject: id, data: { name: token.name } });
        return await tx.table('tokens').update(id, token.revision, { revokedAt: clock.now() });
      }),
    close() {
      unsubscribe();
      leavings.close();
    },
  };
};

/** `gone` ends the streams that a token opened. */
interface Leaving {
  readonly gone: AbortController;
  expiresAt: number | undefined;
}

const isPast = ({ expiresAt }: Pick<Leaving, 'expiresAt'>, now: number): boolean =>
  expiresAt !== undefined && expiresAt <= now;

/** A stream authenticates once, so its token's expiry is watched here rather than at the next request. */
const createLeavings = (
  { store, clock }: Pick<TokenParts, 'store' | 'clock'>,
  expired: (tokenId: string) => void,
) => {
  const all = new Map<string, Leaving>();
  let ringsAt = Number.POSITIVE_INFINITY;
  let isClosed = false;
  const watch = ({ expiresAt = Number.POSITIVE_INFINITY }: Pick<Leaving, 'expiresAt'>): void => {
    if (isClosed || expiresAt >= ringsAt) return;
    ringsAt = expiresAt;
    alarm.set(expiresAt);
  };
  const endExpired = async (): Promise<void> => {
    ringsAt = Number.POSITIVE_INFINITY;
    const limited = [...all].filter(([, { expiresAt }]) => expiresAt !== undefined);
    // The recorded times have moved if the clock was set back; while they cannot be read, the known ones count.
    const recorded = await expiriesOf(
      store,
      limited.map(([id]) => id),
    ).catch(() => new Map<string, number>());
    for (const [id, leaving] of limited) {
      leaving.expiresAt = recorded.get(id) ?? leaving.expiresAt;
      if (isPast(leaving, clock.now())) expired(id);
      else watch(leaving);
    }
  };
  const alarm = createAlarm(clock, () => void endExpired());
  return {
    of({ id, expiresAt }: Token): Leaving {
      const leaving = all.get(id) ?? { gone: new AbortController(), expiresAt };
      leaving.expiresAt = expiresAt;
      all.set(id, leaving);
      watch(leaving);
      return leaving;
    },
    end(id: string): void {
      all.get(id)?.gone.abort();
      all.delete(id);
    },
    close(): void {
      isClosed = true;
      alarm.stop();
      for (const { gone } of all.values()) gone.abort();
      all.clear();
    },
  };
};

const expiriesOf = (store: Store, tokenIds: readonly string[]): Promise<ReadonlyMap<string, number>> =>
  store.read(async (tx) => {
    const expiries = new Map<string, number>();
    for (const id of tokenIds) {
      const token = await tx.table('tokens').get(id);
      if (token?.expiresAt !== undefined) expiries.set(id, token.expiresAt);
    }
    return expiries;
  });

const findToken = (store: Store, hash: string): Promise<Token | undefined> =>
  store.read(async (tx) => {
    const [found] = await tx.table('tokenSecrets').list({ where: { hash }, limit: 1 });
    if (found === undefined || !timingSafeEqual(Buffer.from(found.hash), Buffer.from(hash))) return undefined;
    return await tx.table('tokens').get(found.id);
  });

const markSeen = (store: Store, id: string, now: number): Promise<void> =>
  store.write(async (tx) => {
    const token = await tx.table('tokens').get(id);
    if (token !== undefined) await tx.table('tokens').update(id, token.revision, { lastUsedAt: now });
  });
