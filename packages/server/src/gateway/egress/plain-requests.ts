/**
 * Plain HTTP/1 on a connection that was allowed to one host: every request on it must be for that host, not only the
 * first. Ambiguous input (two lengths, folded lines, bare line ends, a target with another host in it) is refused
 * instead of interpreted, and so is an upgrade, after which nothing could be checked; but on a port that the policy
 * names explicitly, where other protocols are allowed, the first request may ask for an upgrade. Nothing more is
 * forwarded until the server has answered, and what follows is checked unless the server accepted it.
 */
import type { Transform } from 'node:stream';
import { MAX_FIRST_BYTES, withoutBlanks } from './first-bytes.ts';
import { parseAuthority } from './host.ts';
import { judgeSteps, type Step } from './steps.ts';

/** Whether the server accepted the requested upgrade; undefined until it has answered. */
export type UpgradeTaken = () => boolean | undefined;

/**
 * Forwards checked bytes; ends with an error whose message is the objection. Without `taken` no upgrade may be
 * requested; with it, the caller must write (an empty chunk suffices) once there is an answer.
 */
export const judgeRequests = (host: string, taken?: UpgradeTaken): Transform => {
  const first: State = taken === undefined ? HEAD : { kind: 'head', mayUpgrade: true };
  return judgeSteps<State>(first, (state, bytes) => {
    if (state.kind !== 'asked') return take(state, bytes, host);
    const answer = taken?.();
    if (answer === undefined && bytes.length > MAX_FIRST_BYTES)
      throw new RangeError('too many bytes follow an upgrade request before it is answered');
    if (answer === undefined) return undefined;
    return take(answer ? { kind: 'unread' } : HEAD, bytes, host);
  });
};

type State =
  | { readonly kind: 'head'; readonly mayUpgrade: boolean }
  /** Of an upgrade request awaiting its answer. */
  | { readonly kind: 'asked' }
  | { readonly kind: 'unread' }
  | { readonly kind: 'body'; readonly left: number; readonly next: State }
  /** The line before a chunk, or after its data. */
  | { readonly kind: 'size' | 'end' | 'last' };

const HEAD = { kind: 'head', mayUpgrade: false } as const satisfies State;
const LINE_END = '\r\n';
const MAX_SIZE_LINE_BYTES = 18;

/** How many bytes may pass, and the next state; undefined when more bytes are needed. Throws an objection. */
const take = (
  state: Exclude<State, { kind: 'asked' }>,
  bytes: Buffer,
  host: string,
): Step<State> | undefined => {
  if (bytes.length === 0) return undefined;
  switch (state.kind) {
    case 'head':
      return takeHead(bytes, host, state.mayUpgrade);
    case 'unread':
      return { bytes: bytes.length, next: state };
    case 'body': {
      const count = Math.min(state.left, bytes.length);
      const left = state.left - count;
      return { bytes: count, next: left === 0 ? state.next : { ...state, left } };
    }
    case 'size': {
      const line = lineOf(bytes, MAX_SIZE_LINE_BYTES);
      if (line === undefined) return undefined;
      if (!/^[0-9a-fA-F]{1,8}$/.test(line)) throw new RangeError('a chunk has an invalid length');
      const left = Number.parseInt(line, 16);
      const next: State = left === 0 ? { kind: 'last' } : { kind: 'body', left, next: { kind: 'end' } };
      return { bytes: line.length + LINE_END.length, next };
    }
    case 'end':
    case 'last': {
      const line = lineOf(bytes, 0);
      if (line === undefined) return undefined;
      return { bytes: LINE_END.length, next: state.kind === 'end' ? { kind: 'size' } : HEAD };
    }
  }
};

const lineOf = (bytes: Buffer, maxBytes: number): string | undefined => {
  const end = bytes.indexOf(LINE_END);
  if (end > maxBytes || (end < 0 && bytes.length > maxBytes + 1))
    throw new RangeError('a body violates its framing');
  return end < 0 ? undefined : bytes.toString('latin1', 0, end);
};

const takeHead = (bytes: Buffer, host: string, mayUpgrade: boolean): Step<State> | undefined => {
  const end = bytes.indexOf('\r\n\r\n');
  if (end > MAX_FIRST_BYTES || (end < 0 && bytes.length > MAX_FIRST_BYTES))
    throw new RangeError('the head of a request is too long');
  if (end < 0) return undefined;
  const lines = bytes.toString('latin1', 0, end).split(LINE_END);
  return { bytes: end + 4, next: bodyAfter(lines, host, mayUpgrade) };
};

/** What follows a head, which is judged first. */
const bodyAfter = ([start = '', ...lines]: readonly string[], host: string, mayUpgrade: boolean): State => {
  if (!/^[A-Z]{1,20} \/[\x21-\x7e]* HTTP\/1\.[01]$/.test(start))
    throw new RangeError('a request line is malformed');
  const headers = lines.map((line) => HEADER.exec(line));
  if (headers.includes(null)) throw new RangeError('a header is malformed');
  const valuesOf = (name: string): string[] =>
    headers.flatMap((header) =>
      header?.[1]?.toLowerCase() === name ? [withoutBlanks(header[2] ?? '')] : [],
    );
  const hosts = valuesOf('host');
  const meant = hosts.length === 1 ? parseAuthority(hosts[0] ?? '', 80)?.host : undefined;
  if (meant !== host)
    throw new RangeError(meant === undefined ? 'a request names no host' : `a request is for ${meant}`);
  if (valuesOf('upgrade').length === 0) return bodyOf(start, valuesOf);
  if (!mayUpgrade) throw new RangeError('a request asks for an upgrade');
  if (bodyOf(start, valuesOf) !== HEAD) throw new RangeError('a request for an upgrade has a body');
  return { kind: 'asked' };
};

const bodyOf = (start: string, valuesOf: (name: string) => string[]): State => {
  const [coding, ...more] = [...valuesOf('transfer-encoding'), ...valuesOf('content-length')];
  if (more.length > 0) throw new RangeError('a body has more than one length');
  if (valuesOf('transfer-encoding').length === 0) return bodyOfLength(coding ?? '0');
  if (coding?.toLowerCase() === 'chunked' && start.endsWith('1.1')) return { kind: 'size' };
  throw new RangeError('a body has an unsupported transfer coding');
};

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)$/;

const bodyOfLength = (digits: string): State => {
  if (!/^\d{1,15}$/.test(digits)) throw new RangeError('a body has an invalid length');
  const left = Number(digits);
  return left === 0 ? HEAD : { kind: 'body', left, next: HEAD };
};
