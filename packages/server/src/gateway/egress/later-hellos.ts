/**
 * TLS on a connection that was allowed to one host. A server may request a second hello (RFC 8446 §4.1.4), and many
 * use the name in that one, so every hello is checked until the connection is encrypted. Encrypted data passes
 * unread.
 */
import type { Transform } from 'node:stream';
import { type FirstBytes, readFirstBytes } from './first-bytes.ts';
import { judgeSteps, type Step } from './steps.ts';

const CHANGE_CIPHER = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = RECORD_HEADER_BYTES + 2 ** 14 + 2048;
/**
 * Looks like a ClientHello: its type, a length below 65,536, a version. An encrypted record does so by accident once in
 * 2^34.
 */
const HELLO_BYTES = 6;

/** Forwards checked bytes; ends with an error whose message is the objection. */
export const judgeHellos = (objectionTo: ObjectionTo): Transform =>
  judgeSteps<State>('plain', (state, bytes) =>
    state === 'encrypted' ? { bytes: bytes.length, next: state } : take(bytes, objectionTo),
  );

type ObjectionTo = (hello: FirstBytes) => string | undefined;
type State = 'plain' | 'encrypted';

/** The next record or hello, which may be spread over several; undefined while there are too few bytes to tell. */
const take = (bytes: Buffer, objectionTo: ObjectionTo): Step<State> | undefined => {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined;
  const length = RECORD_HEADER_BYTES + bytes.readUInt16BE(3);
  if (bytes[0] !== HANDSHAKE)
    return bytes[0] === CHANGE_CIPHER || bytes[0] === ALERT
      ? whole(bytes, length, 'plain')
      : { bytes: bytes.length, next: 'encrypted' };
  if (length < RECORD_HEADER_BYTES + HELLO_BYTES)
    throw new RangeError('a handshake fragment is too short to check');
  if (bytes.length < RECORD_HEADER_BYTES + HELLO_BYTES) return undefined;
  if (!beginsLikeHello(bytes.subarray(RECORD_HEADER_BYTES))) return whole(bytes, length, 'encrypted');
  const hello = readFirstBytes(bytes);
  if (hello.kind === 'more') return undefined;
  const objection = objectionTo(hello);
  if (objection !== undefined) throw new RangeError(objection);
  return whole(bytes, endOfHello(bytes), 'plain');
};

const whole = (bytes: Buffer, length: number, next: State): Step<State> | undefined => {
  if (length > MAX_RECORD_BYTES) throw new RangeError('a record is too long');
  return bytes.length < length ? undefined : { bytes: length, next };
};

const beginsLikeHello = (message: Buffer): boolean =>
  message[0] === 1 && message[1] === 0 && message[4] === 3 && (message[5] ?? 0) <= 4;

/** After the record containing its last byte. */
const endOfHello = (bytes: Buffer): number => {
  let left = 4 + bytes.readUIntBE(RECORD_HEADER_BYTES + 1, 3);
  let at = 0;
  while (left > 0) {
    const length = bytes.readUInt16BE(at + 3);
    left -= length;
    at += RECORD_HEADER_BYTES + length;
  }
  return at;
};
