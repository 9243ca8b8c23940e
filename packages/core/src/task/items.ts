/**
 * Stores an agent's output as it arrives. The agent's adapter gives every item an id of its own and emits it
 * again with every change, and also when a turn is replayed after a restart; new items always appear in the
 * same order. An item's record is therefore identified by its ordinal in the turn, and a replay writes the same
 * records again.
 *
 * Output that arrives faster than the store can write is coalesced: only the latest version of each item is
 * written.
 */
import { growthOf, type Item, type ItemBody, PREFIXES } from '@berth/contract';
import { type ReadTx, type Store, type Tx, tailOf } from '../kernel/index.ts';

const MAX_ITEMS_PER_TURN = 9999;
const TEXT_MAX_BYTES = 256 * 1024;
const OUTPUT_MAX_BYTES = 16 * 1024;
/** For all items of a turn, as stored. */
const TURN_MAX_BYTES = 32 * 2 ** 20;
/** Hexadecimal digits of the largest position; enough for more than a hundred turns. */
const POSITION_DIGITS = 5;

export interface TurnRef {
  readonly turnId: string;
  readonly sessionId: string;
  /** The turn's number within its session. */
  readonly number: number;
}

export interface ItemSink {
  /** Never waits and never fails; `flush` reports failures. Items beyond the limits of a turn are dropped. */
  emit(id: string, body: ItemBody): void;
  /** Resolves once everything emitted so far is written. Rejects if something could not be. */
  flush(): Promise<void>;
}

/** `before` is the highest ordinal already used in the turn. */
export const createItemSink = (store: Store, turn: TurnRef, before = 0): ItemSink => {
  const ordinals = new Map<string, number>();
  const waiting = new Map<number, ItemBody>();
  const room = createRoom(TURN_MAX_BYTES);
  let writing: Promise<void> | undefined;

  const pump = async (): Promise<void> => {
    while (waiting.size > 0) {
      const batch = [...waiting];
      waiting.clear();
      try {
        await store.write(async (tx) => {
          for (const [ordinal, body] of batch) await putItem(tx, turn, ordinal, body);
        });
      } catch (error) {
        // Keep it for the next write unless a newer version has arrived; `flush` reports the failure if none
        // succeeds.
        for (const [ordinal, body] of batch) if (!waiting.has(ordinal)) waiting.set(ordinal, body);
        throw error;
      }
    }
  };
  const start = (): Promise<void> => {
    writing ??= pump().finally(() => {
      writing = undefined;
    });
    return writing;
  };

  return {
    emit(id, body) {
      const ordinal = ordinals.get(id) ?? before + ordinals.size + 1;
      if (ordinal > MAX_ITEMS_PER_TURN) return;
      ordinals.set(id, ordinal);
      const kept = bounded(body);
      if (!room.fits(ordinal, sizeOf(kept))) return;
      waiting.set(ordinal, kept);
      // A failed write is retried by the next one, at the latest by `flush`, which reports it.
      start().catch(() => undefined);
    },
    flush: async () => {
      // If the write in progress fails, its items are written again.
      await writing?.catch(() => undefined);
      await start();
    },
  };
};

/** The highest ordinal in a turn, read from its newest item. */
export const lastOrdinal = async (tx: ReadTx, { turnId, number }: TurnRef): Promise<number> => {
  const [newest] = await tx.table('items').list({ where: { turnId }, order: 'desc', limit: 1 });
  return newest === undefined ? 0 : newest.position - number * (MAX_ITEMS_PER_TURN + 1);
};

/** Inserts or replaces an item, unless it is unchanged. */
export const putItem = async (tx: Tx, turn: TurnRef, ordinal: number, body: ItemBody): Promise<void> => {
  const { turnId, sessionId, number } = turn;
  const items = tx.table('items');
  const position = number * (MAX_ITEMS_PER_TURN + 1) + ordinal;
  const id = itemId(sessionId, position);
  const known = await items.get(id);
  if (known !== undefined && JSON.stringify(known.body) === JSON.stringify(body)) return;
  const item: Item =
    known === undefined
      ? await items.insert({ id, turnId, sessionId, position, body })
      : await items.update(id, known.revision, { body });
  const growth = known === undefined ? undefined : growthOf(known.body, body);
  const { revision } = item;
  await tx.emit(
    growth === undefined
      ? { type: 'item.changed', subject: id, data: { item } }
      : { type: 'item.grown', subject: id, data: { sessionId, revision, ...growth } },
  );
};

/**
 * Starts like the session's id and ends with the item's position in the session, so that items sort in order.
 * Ids of turns differ only in their last characters, which would make items of two turns collide.
 */
const itemId = (sessionId: string, position: number): string => {
  const begin = sessionId.slice(PREFIXES.session.length, -POSITION_DIGITS);
  return `${PREFIXES.item}${begin}${position.toString(16).padStart(POSITION_DIGITS, '0')}`;
};

/** Tracks the size of what each ordinal holds. */
const createRoom = (maxBytes: number) => {
  const sizes = new Map<number, number>();
  let heldBytes = 0;
  return {
    /** Returns false if it does not fit; the ordinal then keeps what it holds. */
    fits: (ordinal: number, sizeBytes: number): boolean => {
      const more = sizeBytes - (sizes.get(ordinal) ?? 0);
      if (more > 0 && heldBytes + more > maxBytes) return false;
      sizes.set(ordinal, sizeBytes);
      heldBytes += more;
      return true;
    },
  };
};

/** Characters are at most three bytes and most are one; the rest of a body has limits of its own. */
const sizeOf = (body: ItemBody): number => {
  if (body.kind === 'tool') return (body.output?.length ?? 0) + JSON.stringify(body.input ?? '').length;
  return 'text' in body ? body.text.length : 0;
};

/** Bounds output from a sandbox, which could have any size. */
const bounded = (body: ItemBody): ItemBody => {
  switch (body.kind) {
    case 'message':
    case 'thought':
    case 'notice':
      return { ...body, text: tailOf(body.text, TEXT_MAX_BYTES) };
    case 'tool':
      return {
        ...body,
        ...(body.output === undefined ? {} : { output: tailOf(body.output, OUTPUT_MAX_BYTES) }),
      };
    default:
      return body;
  }
};
