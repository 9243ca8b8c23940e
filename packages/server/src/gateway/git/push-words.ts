/** Rewrites git's messages in responses to a push. */
import { Transform } from 'node:stream';
import { OUT_OF_MEMORY } from '../../git/git.ts';
import type { ProgramLimits } from '../../system/host-processes.ts';
import { pktLine, readPkt, sideBand } from './pkt-line.ts';

/** Adds a capability to those that git advertises, which follow a zero byte in its first line. */
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

/** Puts an explanation before git's messages that only report a failure. */
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
      // Data that is not a pkt-line passes unchanged, and so does everything after it.
      held = read.kind === 'malformed' ? undefined : bytes.subarray(at);
      return held === undefined ? done(null, bytes.subarray(at)) : done();
    },
    flush: (done) => done(null, held),
  });
};

type Limits = Pick<ProgramLimits, 'memoryBytes' | 'cpuSeconds'>;
const MEBIBYTE = 2 ** 20;

/** Git's messages about its input. */
const REASON = /(?:error|fatal): /;

const wordsFor = (
  said: string,
  { memoryBytes, cpuSeconds }: Limits,
  saidWhy: boolean,
): string | undefined => {
  const memory = `${memoryBytes / MEBIBYTE} MiB of memory`;
  if (OUT_OF_MEMORY.test(said)) return tooMuch(memory);
  if (said.includes('exceeds maximum allowed size'))
    return "The push exceeds this sandbox's remaining quota (limits.diskBytes) or the size limit of a push.";
  // A process that fails by itself prints the reason first; one killed by the kernel cannot.
  return said.includes('unpack index-pack abnormal exit') && !saidWhy
    ? tooMuch(`${memory} or ${cpuSeconds} s of CPU time`)
    : undefined;
};

/** The channel that the client prints. */
const MESSAGES = 2;
const isBand = (payload: Buffer): boolean => payload[0] === 1 || payload[0] === MESSAGES;

const tooMuch = (limit: string): string =>
  `The push needs more than ${limit} to be read: remove very large files, or very many files, from its commits.`;
