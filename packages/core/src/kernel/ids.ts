/**
 * Ids sort by creation time: 10 characters of timestamp, then 10 random ones, 5 bits per character. Within
 * one millisecond, or when the clock steps back, the previous id is incremented instead, so sort order always
 * matches creation order.
 *
 * A step that is re-run must generate the same id again, so `from` derives it from a key. If the key begins
 * with an id, as saga keys do, the derived id inherits its timestamp and sorts next to the work that created
 * it.
 */
import { type IdNoun, PREFIXES } from '@berth/contract';
import type { Clock, RandomSource } from './time/clock.ts';

export interface Ids {
  readonly new: (noun: IdNoun) => string;
  /**
   * Returns the same id for the same key, on every call and in every process. Keys are internal, never client
   * input.
   */
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

/** The creation time encoded in an id; 0 if it is not of this form. */
export const timeOf = (id: string): number =>
  [...(LEADING_ID.exec(id)?.[1] ?? '')].reduce(
    (time, character) => time * ALPHABET.length + ALPHABET.indexOf(character),
    0,
  );

/** 48 random bits; the remaining two leave headroom for incrementing. */
const numberFrom = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

const counted = (tail: bigint): bigint => BigInt.asUintN(Number(PART_BITS), tail + 1n);

const base32 = (value: bigint): string =>
  Array.from(
    { length: PART },
    (_, digit) => ALPHABET[Number((value >> BigInt(5 * (PART - 1 - digit))) & 31n)],
  ).join('');

/** 128-bit FNV-1a (draft-eastlake-fnv): pure, and sufficient for keys that no attacker can choose. */
const fnv128 = (text: string): bigint =>
  new TextEncoder()
    .encode(text)
    .reduce(
      (hash, byte) => BigInt.asUintN(128, (hash ^ BigInt(byte)) * 0x1000000000000000000013bn),
      0x6c62272e07bb014262b821756295c58dn,
    );
