/**
 * pkt-lines of git's protocol: four hexadecimal digits with the length, including themselves, then the payload;
 * `0000` is a flush. See "pkt-line Format" in git's own gitprotocol-common(5).
 */
export const FLUSH = Buffer.from('0000');
const HEADER_BYTES = 4;
const MAX_LINE_BYTES = 65_520;

export const pktLine = (payload: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(payload);
  const length = (bytes.length + HEADER_BYTES).toString(16).padStart(HEADER_BYTES, '0');
  return Buffer.concat([Buffer.from(length), bytes]);
};

/** Payload on a side-band channel (default: the first), split to fit into lines. */
export const sideBand = (payload: Buffer, channel = 1): Buffer => {
  const room = MAX_LINE_BYTES - HEADER_BYTES - 1;
  const lines: Buffer[] = [];
  for (let at = 0; at < payload.length; at += room) {
    lines.push(pktLine(Buffer.concat([Buffer.from([channel]), payload.subarray(at, at + room)])));
  }
  return Buffer.concat(lines);
};

export type PktRead =
  | { readonly kind: 'line'; readonly payload: Buffer; readonly next: number }
  | { readonly kind: 'flush'; readonly next: number }
  | { readonly kind: 'more'; readonly neededBytes: number }
  | { readonly kind: 'malformed' };

/** Reads the line at an offset. `more`: the line is incomplete. */
export const readPkt = (bytes: Buffer, at: number): PktRead => {
  if (bytes.length - at < HEADER_BYTES) return { kind: 'more', neededBytes: at + HEADER_BYTES };
  const header = bytes.toString('latin1', at, at + HEADER_BYTES);
  if (!/^[0-9a-fA-F]{4}$/.test(header)) return { kind: 'malformed' };
  const length = Number.parseInt(header, 16);
  if (length === 0) return { kind: 'flush', next: at + HEADER_BYTES };
  if (length <= HEADER_BYTES || length > MAX_LINE_BYTES) return { kind: 'malformed' };
  if (bytes.length - at < length) return { kind: 'more', neededBytes: at + length };
  return { kind: 'line', payload: bytes.subarray(at + HEADER_BYTES, at + length), next: at + length };
};
