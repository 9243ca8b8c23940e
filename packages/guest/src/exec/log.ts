/**
 * The output of one stream of a command, addressed by byte offset.
 *
 * It is a list of segments, of which only the newest grows. Small output stays in memory; a segment that grows past
 * `MEMORY_BYTES` moves to a file. A `tail` log drops its oldest segment when it starts a third, so that the newest
 * segment's worth of bytes is always kept. Writes and reads are synchronous: they hit the page cache, and a chunk is
 * in the log before anything else can happen.
 */
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { GUEST_LIMITS } from '@berth/contract/guest';

const MEMORY_BYTES = 32 * 1024;
const SEGMENT_BYTES = GUEST_LIMITS.keepTailBytes;

export interface OutputLog {
  /** Offset of the oldest byte kept. */
  readonly start: number;
  /** Offset after the newest byte. */
  readonly end: number;
  readonly keptBytes: number;
  /** Throws a system error (disk full) and appends nothing. */
  append(bytes: Buffer): void;
  /** Up to `maxBytes` from an offset between `start` and `end`. */
  read(offset: number, maxBytes: number): Buffer;
  /** Drops the oldest part, when a reader is far beyond it. False when there is none to drop. */
  forgetRead(): boolean;
  /** Called when a reader advances beyond all others. */
  onRead: (() => void) | undefined;
  /** Drops every byte. */
  drop(): void;
}

/** Output sent to a reader may not have arrived; more than can be in flight is kept. */
const ON_THE_WAY_BYTES = 2 * SEGMENT_BYTES;

export const createOutputLog = (path: string, keep: 'all' | 'tail'): OutputLog => {
  const segments: Segment[] = [];
  let end = 0;
  let made = 0;
  let readTo = 0;
  const grow = (): Segment => {
    const segment = createSegment(`${path}.${made++}`, end);
    segments.push(segment);
    if (keep === 'tail' && segments.length > 2) segments.shift()?.drop();
    return segment;
  };
  const log: OutputLog = {
    onRead: undefined,
    get start() {
      return segments[0]?.start ?? end;
    },
    get end() {
      return end;
    },
    get keptBytes() {
      return segments.reduce((sum, segment) => sum + segment.length, 0);
    },
    append: (bytes) => {
      const last = segments.at(-1);
      const segment = last === undefined || last.length >= SEGMENT_BYTES ? grow() : last;
      segment.append(bytes);
      end += bytes.length;
    },
    read: (offset, maxBytes) => {
      const segment = segments.findLast((s) => s.start <= offset);
      if (segment === undefined) return Buffer.alloc(0);
      const bytes = segment.read(offset - segment.start, maxBytes);
      // A reader that starts later has not read what precedes.
      if (offset <= readTo && offset + bytes.length > readTo) {
        readTo = offset + bytes.length;
        log.onRead?.();
      }
      return bytes;
    },
    forgetRead: () => {
      const [first, next] = segments;
      if (first === undefined || next === undefined || next.start > readTo - ON_THE_WAY_BYTES) return false;
      segments.shift();
      first.drop();
      return true;
    },
    drop: () => {
      for (const segment of segments.splice(0)) segment.drop();
    },
  };
  return log;
};

interface Segment {
  readonly start: number;
  readonly length: number;
  append(bytes: Buffer): void;
  read(position: number, maxBytes: number): Buffer;
  drop(): void;
}

const createSegment = (path: string, start: number): Segment => {
  let memory: Buffer | undefined = Buffer.alloc(0);
  let file: number | undefined;
  let length = 0;
  const writeAll = (fd: number, bytes: Buffer): void => {
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, bytes.length - done, length + done);
    } catch (error) {
      ftruncateSync(fd, length);
      throw error;
    }
  };
  const spill = (held: Buffer): number => {
    const fd = openSync(path, 'w+', 0o600);
    // The file needs no name: it disappears with the guest, however the guest ends.
    unlinkSync(path);
    if (held.length > 0) writeSync(fd, held, 0, held.length, 0);
    memory = undefined;
    return fd;
  };
  return {
    start,
    get length() {
      return length;
    },
    append: (bytes) => {
      if (memory !== undefined && length + bytes.length <= MEMORY_BYTES)
        memory = Buffer.concat([memory, bytes]);
      else {
        file ??= spill(memory ?? Buffer.alloc(0));
        writeAll(file, bytes);
      }
      length += bytes.length;
    },
    read: (position, maxBytes) => {
      const size = Math.max(0, Math.min(maxBytes, length - position));
      if (memory !== undefined) return memory.subarray(position, position + size);
      const bytes = Buffer.allocUnsafe(size);
      return file === undefined || size === 0
        ? bytes.subarray(0, 0)
        : bytes.subarray(0, readSync(file, bytes, 0, size, position));
    },
    drop: () => {
      if (file !== undefined) closeSync(file);
      file = undefined;
      memory = Buffer.alloc(0);
      length = 0;
    },
  };
};
