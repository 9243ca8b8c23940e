/**
 * `Idempotency-Key`: a create requested twice with one key runs once and responds twice. The response is kept for a
 * day under the caller and the key; a second request during the first waits for it. Only successful responses are
 * kept, so that a failed create can be retried with its key.
 *
 * The id of the new record is chosen and stored before the work starts. When the server dies between the work and its
 * response, the repeated request gets the same id, and the work returns the record under it.
 */
import { createHash } from 'node:crypto';
import { fail, type IdNoun, isBerthError } from '@berth/contract';
import type { AnsweredRequest, Clock, Ids, Store, Tx } from '@berth/core';
import type { Json } from '@berth/plugin-api';

const KEEP_MS = 86_400_000;
const LONGEST_KEY_CHARACTERS = 200;
/** Per transaction: responses may be long, and nobody should wait. */
const PRUNE_ROWS = 100;

interface Asked {
  readonly key: string;
  readonly caller: string;
  readonly routeId: string;
  /** The noun to create. */
  readonly noun: IdNoun;
  readonly status: number;
  /** The request; compared by value. */
  readonly request: unknown;
}

type Act = (recordId: string) => Promise<unknown>;

export interface AnswerStore {
  /**
   * The response of the first request under this key. Rejects with `request.key_reused` for a different request.
   * `act` gets the id for the new record; it returns the record of that id when it exists.
   */
  once(asked: Asked, act: Act): Promise<unknown>;
  /** Drops responses older than a day. */
  prune(): Promise<void>;
}

export const createAnswerStore = (store: Store, clock: Clock, ids: Ids): AnswerStore => {
  const atWork = new Map<string, Promise<unknown>>();
  /** The row of this request: the existing one, or a new one with an id for the new record. */
  const begin = (id: string, asked: Asked): Promise<AnsweredRequest> =>
    store.write(async (tx) => {
      const rows = tx.table('answeredRequests');
      const bodyHash = hash(canonical(asked.request));
      const kept = await rows.get(id);
      if (kept !== undefined && kept.createdAt > clock.now() - KEEP_MS) {
        if (kept.bodyHash !== bodyHash) throw fail('request.key_reused', { key: asked.key });
        return kept;
      }
      await rows.remove(id);
      const { routeId, status, noun } = asked;
      return rows.insert({ id, routeId, bodyHash, status, recordId: ids.new(noun) });
    });
  const answer = async (id: string, asked: Asked, act: Act): Promise<unknown> => {
    const kept = await begin(id, asked);
    if (kept.answer !== undefined) return kept.answer;
    try {
      const given = await act(kept.recordId);
      // Responses are JSON by the schema of their route.
      const done = { answer: given as Json };
      await store.write((tx) => tx.table('answeredRequests').update(id, kept.revision, done));
      return given;
    } catch (error) {
      // A refusal created nothing. Anything else, such as a server crash, may be resumed under the same id.
      if (isBerthError(error)) await store.write((tx) => tx.table('answeredRequests').remove(id));
      throw error;
    }
  };
  return {
    async once(asked, act) {
      checkKey(asked.key);
      const id = hash(canonical([asked.caller, asked.routeId, asked.key]));
      // Each waits for the previous one, then checks the stored responses itself.
      const before = atWork.get(id) ?? Promise.resolve();
      const mine = before.then(
        () => answer(id, asked, act),
        () => answer(id, asked, act),
      );
      atWork.set(id, mine);
      try {
        return await mine;
      } finally {
        if (atWork.get(id) === mine) atWork.delete(id);
      }
    },
    async prune() {
      for (let isMore = true; isMore; )
        isMore = await store.write((tx) => pruneSome(tx, clock.now() - KEEP_MS));
    },
  };
};

/** True when there may be more. */
const pruneSome = async (tx: Tx, since: number): Promise<boolean> => {
  const rows = await tx.table('answeredRequests').untouched({ since, limit: PRUNE_ROWS });
  for (const { id } of rows) await tx.table('answeredRequests').remove(id);
  return rows.length === PRUNE_ROWS;
};

const checkKey = (key: string): void => {
  if (key.length <= LONGEST_KEY_CHARACTERS && /^[\x21-\x7e]+$/.test(key)) return;
  const message = `must be 1 to ${LONGEST_KEY_CHARACTERS} printable characters without spaces`;
  throw fail('request.invalid', { issues: [{ path: 'headers.idempotency-key', message }] });
};

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Canonical JSON: equal values give equal text. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
