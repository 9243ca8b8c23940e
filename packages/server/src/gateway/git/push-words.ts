/** What a client reads of git in the answers to a push, changed on the way. */
import { Transform } from 'node:stream';
import { OUT_OF_MEMORY } from '../../git/git.ts';
import type { ProgramLimits } from '../../system/host-processes.ts';
import { pktLine, readPkt, sideBand } from './pkt-line.ts';

/** Adds a capability to those that git advertises, which stand behind a zero byte in its first line. */
export const advertising = (capability: string): Transform => {
  let held: Buffer | undefined = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (held === undefined) return done(null, chunk);
      const bytes: Buffer = Buffer.concat([held, chunk]);
      const read = readPkt(bytes, 0);
      held = read.kind === 'more' ? bytes : undefined;
      if (read.kind === 'more') return done();
      if (read.kind !== 'line') return done(null, bytes);
      const line = `${read.payload.toString('latin1').trimEnd()} ${capability}\n`;
      return done(null, Buffer.concat([pktLine(Buffer.from(line, 'latin1')), bytes.subarray(read.next)]));
    },
  });
};

/** Sets our words before those of git that tell only what it could not do. */
export const explaining = (limits: Limits): Transform => {
  let held: Buffer | undefined = Buffer.alloc(0);
  let saidWhy = false;
  const explained = (line: Buffer, payload: Buffer): Buffer => {
    const said = payload.toString();
    const words = isBand(payload) ? wordsFor(said, limits, saidWhy) : undefined;
    if (payload[0] === MESSAGES && REASON.test(said)) saidWhy = true;
    return words === undefined ? line : Buffer.concat([sideBand(Buffer.from(`${words}\n`), MESSAGES), line]);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (held === undefined) return done(null, chunk);
      const bytes: Buffer = Buffer.concat([held, chunk]);
      let at = 0;
      let read = readPkt(bytes, at);
      for (; read.kind === 'line' || read.kind === 'flush'; read = readPkt(bytes, at)) {
        const line = bytes.subarray(at, read.next);
        this.push(read.kind === 'line' ? explained(line, read.payload) : line);
        at = read.next;
      }
      // What is no packet line passes as it is, and so does all that follows it.
      held = read.kind === 'malformed' ? undefined : bytes.subarray(at);
      return held === undefined ? done(null, bytes.subarray(at)) : done();
    },
    flush: (done) => done(null, held),
  });
};

type Limits = Pick<ProgramLimits, 'memoryBytes' | 'cpuSeconds'>;
const MEBIBYTE = 2 ** 20;

/** Of git about what it read. */
const REASON = /(?:error|fatal): /;

const wordsFor = (
  said: string,
  { memoryBytes, cpuSeconds }: Limits,
  saidWhy: boolean,
): string | undefined => {
  const memory = `${memoryBytes / MEBIBYTE} MiB of memory`;
  if (OUT_OF_MEMORY.test(said)) return tooMuch(memory);
  if (said.includes('exceeds maximum allowed size'))
    return 'The push is larger than what this sandbox may still send (limits.diskBytes), or than one push may be.';
  // What dies of its own says why before; what the kernel ended cannot.
  return said.includes('unpack index-pack abnormal exit') && !saidWhy
    ? tooMuch(`${memory} or ${cpuSeconds} s of processor time`)
    : undefined;
};

/** The channel that a client prints. */
const MESSAGES = 2;
const isBand = (payload: Buffer): boolean => payload[0] === 1 || payload[0] === MESSAGES;

const tooMuch = (limit: string): string =>
  `The push needs more than ${limit} to be read: take very large files, or very many, out of its commits.`;
