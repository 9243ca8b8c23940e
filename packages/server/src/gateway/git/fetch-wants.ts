/**
 * Parses a fetch before git sees it: the lines up to the first flush of a version 0 request. Git gets the request
 * rebuilt from the parsed data. Version 2 is not offered, because there git serves any object in the repository by
 * id; version 0 refuses commits not reachable from an advertised ref, but treats any other object as reachable.
 */
import { FLUSH, pktLine, readPkt } from './pkt-line.ts';

export interface FetchWants {
  readonly wants: readonly string[];
  /** Verbatim: shallow commits and the depth of the history. */
  readonly depth: readonly string[];
  readonly capabilities: readonly string[];
}

export type FetchHead =
  | { readonly kind: 'fetch'; readonly fetch: FetchWants; readonly bodyAt: number }
  | { readonly kind: 'more'; readonly neededBytes: number }
  | { readonly kind: 'malformed'; readonly reason: string };

const MAX_FETCH_HEAD_BYTES = 2 ** 20;
/** A thin pack is based on objects that the client only claims to have. */
const UNKNOWN = /^(?:thin-pack|filter|allow-.*)$/;
const WANT = /^want ([0-9a-f]{40})(?: (.*))?$/;
const DEPTH = /^(?:shallow [0-9a-f]{40}|deepen \d{1,9}|deepen-since \d{1,12})$/;

export const parseFetchHead = (bytes: Buffer): FetchHead => {
  const lines: string[] = [];
  for (let at = 0; ; ) {
    const read = readPkt(bytes, at);
    if (read.kind === 'malformed') return { kind: 'malformed', reason: 'not a pkt-line' };
    if (read.kind === 'more')
      return read.neededBytes > MAX_FETCH_HEAD_BYTES
        ? { kind: 'malformed', reason: 'it requests too much' }
        : read;
    at = read.next;
    if (read.kind === 'flush') return understood(lines, at);
    lines.push(read.payload.toString('utf8').replace(/\n$/, ''));
  }
};

const understood = (lines: readonly string[], bodyAt: number): FetchHead => {
  const other = lines.find((line) => !WANT.test(line) && !DEPTH.test(line));
  if (other !== undefined) return { kind: 'malformed', reason: `"${other.slice(0, 40)}" is not served here` };
  const wants = lines.flatMap((line) => WANT.exec(line)?.[1] ?? []);
  const capabilities = (WANT.exec(lines.find((line) => WANT.test(line)) ?? '')?.[2] ?? '').split(' ');
  const known = capabilities.filter((name) => name !== '' && !UNKNOWN.test(name));
  return {
    kind: 'fetch',
    // Git processes every one, including duplicates.
    fetch: {
      wants: [...new Set(wants)],
      depth: lines.filter((line) => DEPTH.test(line)),
      capabilities: known,
    },
    bodyAt,
  };
};

export const encodeFetchHead = ({ wants, depth, capabilities }: FetchWants): Buffer =>
  Buffer.concat([
    ...wants.map((want, index) =>
      pktLine(`want ${[want, ...(index === 0 ? capabilities : [])].join(' ')}\n`),
    ),
    ...depth.map((line) => pktLine(`${line}\n`)),
    FLUSH,
  ]);
