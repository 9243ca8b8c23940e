/**
 * Forwards a response as it arrives and extracts its usage. Server-sent events are forwarded one by one, so that
 * single ones can be dropped; other responses chunk by chunk.
 */
import { Transform } from 'node:stream';
import { createGrowingBytes, parseWithin } from '@berth/plugin-api';
import { createMemberReader } from './members.ts';
import type { UsageCounter } from './usage.ts';

const MAX_EVENT_BYTES = 8 * 2 ** 20;
/** Where the APIs report the usage and model of a whole response. */
const COST_MEMBERS = new Set(['model', 'usage', 'usageMetadata', 'modelVersion']);
const NEWLINE = 10;
const RETURN = 13;
/** The longest event delimiter minus one: it may have started in the part already scanned. */
const OVERLAP_BYTES = 2;

/** `hide`: events that the client did not request. */
export const meterEvents = (counter: UsageCounter, hide: (data: unknown) => boolean): Transform => {
  const open = createGrowingBytes();
  let lookedBytes = 0;
  const pass = (event: Buffer): Buffer => {
    const data = dataOf(event);
    if (data === undefined) return event;
    counter.add(data);
    return hide(data) ? Buffer.alloc(0) : event;
  };
  /** Complete events; the remaining bytes start the next one. */
  const takeEvents = (): Buffer[] => {
    const bytes = open.view();
    const passed: Buffer[] = [];
    let start = 0;
    let from = Math.max(0, lookedBytes - OVERLAP_BYTES);
    for (let end = endOfEvent(bytes, from); end > 0; end = endOfEvent(bytes, from)) {
      passed.push(Buffer.from(pass(bytes.subarray(start, end))));
      start = end;
      from = end;
    }
    // Too large to be a usage event: forward it unread.
    if (bytes.length - start > MAX_EVENT_BYTES) {
      passed.push(Buffer.from(bytes.subarray(start)));
      start = bytes.length;
    }
    open.drop(start);
    lookedBytes = open.sizeBytes;
    return passed;
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      open.push(chunk);
      const bytes = Buffer.concat(takeEvents());
      done(null, bytes.length === 0 ? undefined : bytes);
    },
    flush(done) {
      done(null, open.sizeBytes === 0 ? undefined : pass(open.view()));
    },
  });
};

export const meterWhole = (counter: UsageCounter): Transform => {
  const members = createMemberReader(COST_MEMBERS);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      members.push(chunk);
      done(null, chunk);
    },
    flush(done) {
      counter.add(members.read());
      done();
    },
  });
};

/** End of the next event, after its empty line; 0 when incomplete. Lines may end with CR LF. */
const endOfEvent = (bytes: Buffer, from: number): number => {
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    if (bytes[at + 1] === NEWLINE) return at + 2;
    if (bytes[at + 1] === RETURN && bytes[at + 2] === NEWLINE) return at + 3;
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
    return parseWithin(text);
  } catch {
    return undefined; // `[DONE]` and the like: nothing to count
  }
};
