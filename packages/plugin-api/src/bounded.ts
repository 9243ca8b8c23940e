/**
 * Bounded buffers for chunked input, at a cost that depends on the input and not on what is buffered: a sandbox
 * chooses the chunk size, and one byte at a time must not cost more than the same bytes in one chunk.
 */

/** A contiguous buffer that grows at the end; the caller enforces the bound. */
export interface GrowingBytes {
  readonly sizeBytes: number;
  push(bytes: Uint8Array): void;
  /** All bytes, without copying: the view is valid until the next change. */
  view(): Buffer;
  /** Drops bytes from the front. */
  drop(count: number): void;
}

const FIRST_BYTES = 1024;
const KEPT_EMPTY_BYTES = 65_536;

export const createGrowingBytes = (): GrowingBytes => {
  let room = Buffer.alloc(0);
  let from = 0;
  let to = 0;
  /** The capacity at least doubles, so each byte is moved a constant number of times, amortised. */
  const makeRoom = (more: number): void => {
    const size = to - from;
    const needed = size + more;
    const target =
      needed * 2 <= room.length ? room : Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, needed * 2));
    room.copy(target, 0, from, to);
    room = target;
    from = 0;
    to = size;
  };
  return {
    get sizeBytes() {
      return to - from;
    },
    push(bytes) {
      if (to + bytes.length > room.length) makeRoom(bytes.length);
      room.set(bytes, to);
      to += bytes.length;
    },
    view: () => room.subarray(from, to),
    drop(count) {
      from = Math.min(to, from + count);
      if (from < to) return;
      from = 0;
      to = 0;
      // Capacity is released when it is no longer needed.
      if (room.length > KEPT_EMPTY_BYTES) room = Buffer.alloc(0);
    },
  };
};

/** The newest bytes of potentially endless output. */
export interface ByteTail {
  push(bytes: Uint8Array): void;
  /** Whether older bytes were dropped. */
  readonly isCut: boolean;
  bytes(): Buffer;
}

export const createByteTail = (maxBytes: number): ByteTail => {
  const kept = createGrowingBytes();
  let isCut = false;
  return {
    get isCut() {
      return isCut;
    },
    push(bytes) {
      kept.push(bytes.length > maxBytes ? bytes.subarray(bytes.length - maxBytes) : bytes);
      const extra = kept.sizeBytes - maxBytes;
      isCut ||= extra > 0 || bytes.length > maxBytes;
      if (extra > 0) kept.drop(extra);
    },
    bytes: () => Buffer.from(kept.view()),
  };
};

/** The newest characters of potentially endless text. */
export interface TextTail {
  push(text: string): void;
  text(): string;
}

export const createTextTail = (maxCharacters: number): TextTail => {
  let kept = '';
  return {
    push(text) {
      kept += text;
      // Trimming copies the rest, so it is amortised over as many characters as it copies.
      if (kept.length > 2 * maxCharacters) kept = kept.slice(-maxCharacters);
    },
    text: () => kept.slice(-maxCharacters).trim(),
  };
};

/** Cuts a stream of bytes into lines; a line longer than the cap is abandoned, so that nobody can exhaust memory. */
export interface LineCutter {
  push(bytes: Uint8Array): readonly string[];
  /** Of the incomplete line. */
  readonly openBytes: number;
}

const NEWLINE = 10;

export const createLineCutter = (maxLineBytes: number): LineCutter => {
  const open = createGrowingBytes();
  let openBytes = 0;
  const keep = (bytes: Uint8Array): void => {
    openBytes += bytes.length;
    if (openBytes <= maxLineBytes) open.push(bytes);
    else open.drop(open.sizeBytes);
  };
  const close = (): readonly string[] => {
    const line = openBytes > maxLineBytes ? [] : [open.view().toString('utf8')];
    open.drop(open.sizeBytes);
    openBytes = 0;
    return line;
  };
  return {
    get openBytes() {
      return openBytes;
    },
    push(bytes) {
      const lines: string[] = [];
      let from = 0;
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
        keep(bytes.subarray(from, at));
        lines.push(...close());
        from = at + 1;
      }
      keep(bytes.subarray(from));
      return lines;
    },
  };
};
