/**
 * Passes an answer on as it comes and reads along what it costs. Server-sent events are passed on one by one, so that a
 * single one can be left out; whole answers in the pieces in which they come.
 */
import { Transform } from 'node:stream';
import type { UsageCounter } from './usage.ts';

const MAX_EVENT_BYTES = 8 * 2 ** 20;
const MAX_WHOLE_BYTES = 32 * 2 ** 20;
const NEWLINE = 10;

/** `hide`: events that the client did not ask for. */
export const meterEvents = (counter: UsageCounter, hide: (data: unknown) => boolean): Transform => {
  let open: Buffer = Buffer.alloc(0);
  const pass = (event: Buffer): Buffer => {
    const data = dataOf(event);
    if (data === undefined) return event;
    counter.add(data);
    return hide(data) ? Buffer.alloc(0) : event;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      open = Buffer.concat([open, chunk]);
      const passed: Buffer[] = [];
      for (let end = endOfEvent(open); end > 0; end = endOfEvent(open)) {
        passed.push(pass(open.subarray(0, end)));
        open = open.subarray(end);
      }
      // Too large to be an event that says what it cost: pass it on unread.
      if (open.length > MAX_EVENT_BYTES) passed.push(open.subarray(0));
      if (open.length > MAX_EVENT_BYTES) open = Buffer.alloc(0);
      const bytes = Buffer.concat(passed);
      done(null, bytes.length === 0 ? undefined : bytes);
    },
    flush(done) {
      done(null, open.length === 0 ? undefined : pass(open));
    },
  });
};

export const meterWhole = (counter: UsageCounter): Transform => {
  const kept: Buffer[] = [];
  let sizeBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      if (sizeBytes <= MAX_WHOLE_BYTES) kept.push(chunk);
      done(null, chunk);
    },
    flush(done) {
      if (sizeBytes <= MAX_WHOLE_BYTES) counter.add(parsed(Buffer.concat(kept).toString('utf8')));
      done();
    },
  });
};

/** Where the first event ends, after its empty line; 0 when it is not complete. Lines may end with CR LF. */
const endOfEvent = (bytes: Buffer): number => {
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    if (bytes[at + 1] === NEWLINE) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === NEWLINE) return at + 3;
  }
  return 0;
};

const dataOf = (event: Buffer): unknown => {
  const lines = event
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length));
  return lines.length === 0 ? undefined : parsed(lines.join('\n'));
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // `[DONE]` and the like: nothing to count
  }
};
