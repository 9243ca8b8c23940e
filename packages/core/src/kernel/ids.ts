/**
 * Ids sort by creation: 10 characters of time, then 10 random ones, each character 5 bits. Within one millisecond, and
 * when the clock steps back, the last id is counted up instead, so that the order of minting is the order of sorting.
 *
 * A step that runs again must mint the same id again: `from` derives it from a key. A key that begins with an id, as
 * the keys of sagas do, hands that id's time on, so that derived ids sort beside the work that made them.
 */
import { type IdNoun, PREFIXES } from '@berth/contract';
import type { Clock, RandomSource } from './time/clock.ts';

export interface Ids {
  readonly new: (noun: IdNoun) => string;
  /** The same id for the same key, on every call and in every process. Keys are ours, never a client's. */
  readonly from: (noun: IdNoun, key: string) => string;
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const PART = 10;
const PART_BITS = 50n;
const LEADING_ID = /^[a-z]{2}_([0-9a-hjkmnp-tv-z]{10})[0-9a-hjkmnp-tv-z]{10}(?:\/|$)/;

export const createIds = (clock: Clock, random: RandomSource): Ids => {
  let last = { at: -1, tail: 0n };
  return {
    new(noun) {
      const at = clock.now();
      last = at > last.at ? { at, tail: numberFrom(random(6)) } : { at: last.at, tail: counted(last.tail) };
      return `${PREFIXES[noun]}_${base32(BigInt(last.at))}${base32(last.tail)}`;
    },
    from(noun, key) {
      const hash = fnv128(`${noun}\0${key}`);
      const time = LEADING_ID.exec(key)?.[1] ?? base32(hash >> PART_BITS);
      return `${PREFIXES[noun]}_${time}${base32(hash)}`;
    },
  };
};

/** 48 bits: the two that stay free let the count go on for as long as it takes. */
const numberFrom = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const counted = (tail: bigint): bigint => BigInt.asUintN(Number(PART_BITS), tail + 1n);

const base32 = (value: bigint): string =>
  Array.from(
    { length: PART },
    (_, place) => ALPHABET[Number((value >> BigInt(5 * (PART - 1 - place))) & 31n)],
  ).join('');

/** FNV-1a with 128 bits (draft-eastlake-fnv): pure, and ample for keys that nobody chooses to collide. */
const fnv128 = (text: string): bigint =>
  new TextEncoder()
    .encode(text)
    .reduce(
      (hash, byte) => BigInt.asUintN(128, (hash ^ BigInt(byte)) * 0x1000000000000000000013bn),
      0x6c62272e07bb014262b821756295c58dn,
    );
