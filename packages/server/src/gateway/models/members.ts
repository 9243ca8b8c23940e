/**
 * Extracts the usage members of a response while it streams: a response may have any size, and everything else is
 * scanned once and not kept.
 */
import { createGrowingBytes, parseWithin } from '@berth/plugin-api';

export interface MemberReader {
  push(bytes: Uint8Array): void;
  /** The wanted members of the outermost object (of the last one in a list), as far as read. */
  read(): unknown;
}

/** A longer member cannot be usage. */
const MAX_MEMBER_BYTES = 16_384;

const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const COMMA = 44;
const COLON = 58;
const QUOTE = 34;
const BACKSLASH = 92;

export const createMemberReader = (wanted: ReadonlySet<string>): MemberReader => {
  const found = new Map<string, string>();
  const held = createGrowingBytes();
  let depth = 0;
  /** The level of the members: the outermost object, or the objects of the outermost list. */
  let base = 1;
  let isInString = false;
  let isEscaped = false;
  let place: 'name' | 'value' | 'skipped' = 'skipped';
  let name = '';

  /** Each returns false: the byte that leads to it is not part of a member. */
  const begin = (next: typeof place): false => {
    held.drop(held.sizeBytes);
    place = next;
    return false;
  };
  const end = (): false => {
    if (place === 'value') found.set(name, held.view().toString('utf8'));
    return begin('name');
  };
  const named = (): false => {
    name = held.view().toString('latin1').trim().slice(1, -1);
    return begin(wanted.has(name) ? 'value' : 'skipped');
  };
  const opened = (code: number): boolean => {
    if (depth === 0) base = code === OPEN_LIST ? 2 : 1;
    depth += 1;
    return depth !== base || begin('name');
  };
  const closed = (): boolean => {
    depth -= 1;
    return depth !== base - 1 || end();
  };
  /** True when the byte belongs to the member, false when it comes before or after it. */
  const structure = (code: number): boolean => {
    switch (code) {
      case QUOTE:
        isInString = true;
        return true;
      case OPEN_OBJECT:
      case OPEN_LIST:
        return opened(code);
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        return closed();
      case COMMA:
        return depth !== base || end();
      case COLON:
        return depth !== base || place !== 'name' || named();
    }
    return true;
  };
  const inString = (code: number): true => {
    if (isEscaped) isEscaped = false;
    else if (code === BACKSLASH) isEscaped = true;
    else if (code === QUOTE) isInString = false;
    return true;
  };
  const hold = (byte: Uint8Array): void => {
    if (held.sizeBytes < MAX_MEMBER_BYTES) held.push(byte);
    else begin('skipped');
  };

  return {
    push(bytes) {
      for (const [at, code] of bytes.entries()) {
        const isPart = isInString ? inString(code) : structure(code);
        if (isPart && place !== 'skipped') hold(bytes.subarray(at, at + 1));
      }
    },
    read: () => Object.fromEntries([...found].map(([member, text]) => [member, parsed(text)])),
  };
};

const parsed = (text: string): unknown => {
  try {
    return parseWithin(text);
  } catch {
    return undefined; // truncated, or not JSON: no usage
  }
};
