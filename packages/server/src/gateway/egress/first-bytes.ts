/**
 * Extracts the intended server from the first bytes of a connection: the server name in a TLS ClientHello (RFC 8446
 * §4.1.2, RFC 6066 §3), or the Host of an HTTP/1 request. It must be the requested host, or an allowed address would
 * give access to every other site behind it (domain fronting).
 */
import { canonicalHost, parseAuthority } from './host.ts';

export type FirstBytes =
  | { readonly kind: 'more' }
  /** `host` is undefined when the client named none. */
  | { readonly kind: 'tls'; readonly host: string | undefined }
  | { readonly kind: 'http'; readonly host: string | undefined }
  /** It names a host in a way that others could read as a different host. */
  | { readonly kind: 'unclear'; readonly reason: string }
  | { readonly kind: 'other' };

export const MAX_FIRST_BYTES = 16 * 2 ** 10;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
/** RFC 9849: an inner encrypted hello whose server name counts instead. */
const ENCRYPTED_HELLO = 0xfe0d;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;

export const readFirstBytes = (bytes: Buffer): FirstBytes => {
  if (bytes.length === 0) return { kind: 'more' };
  const read = bytes[0] === HANDSHAKE_RECORD ? readTls(bytes) : readHttp(bytes);
  return read.kind === 'more' && bytes.length >= MAX_FIRST_BYTES ? { kind: 'other' } : read;
};

const readTls = (bytes: Buffer): FirstBytes => {
  const message = handshakeOf(bytes);
  if (message === 'more') return { kind: 'more' };
  if (message === undefined) return { kind: 'other' };
  try {
    return meantBy(message);
  } catch (thrown) {
    // Lengths exceed the message.
    if (thrown instanceof RangeError) return { kind: 'other' };
    throw thrown;
  }
};

/** The ClientHello, which may be spread over several records. */
const handshakeOf = (bytes: Buffer): Buffer | 'more' | undefined => {
  const parts: Buffer[] = [];
  for (let at = 0; bytes.length - at >= RECORD_HEADER_BYTES; ) {
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at] !== HANDSHAKE_RECORD || bytes[at + 1] !== 3 || length === 0) return undefined;
    parts.push(bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length));
    at += RECORD_HEADER_BYTES + length;
    const message = Buffer.concat(parts);
    if (message.length > 0 && message[0] !== CLIENT_HELLO) return undefined;
    if (message.length < MESSAGE_HEADER_BYTES) continue;
    const end = MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3);
    // Data after it (early data) is not checked here.
    if (message.length >= end) return message.subarray(MESSAGE_HEADER_BYTES, end);
  }
  return 'more';
};

/** Two names, or a non-canonical one, do not count as none: implementations differ on what they mean. */
const meantBy = (hello: Buffer): FirstBytes => {
  const names: string[] = [];
  for (const { type, from, to } of extensionsOf(hello)) {
    if (type === ENCRYPTED_HELLO)
      return { kind: 'unclear', reason: 'the client hides its host (encrypted hello)' };
    if (type === SERVER_NAME) names.push(...namesOf(hello, from, to));
  }
  if (names.length === 0) return { kind: 'tls', host: undefined };
  const host = names.length === 1 ? canonicalHost(names[0] ?? '') : undefined;
  return host === undefined
    ? { kind: 'unclear', reason: 'the client names its host in a non-canonical way' }
    : { kind: 'tls', host };
};

interface Extension {
  readonly type: number;
  readonly from: number;
  readonly to: number;
}

const extensionsOf = (hello: Buffer): readonly Extension[] => {
  const versionAndRandom = 34;
  let at = versionAndRandom;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  if (at === hello.length) return [];
  const end = at + 2 + hello.readUInt16BE(at);
  const found: Extension[] = [];
  for (at += 2; at < end; ) {
    const from = at + 4;
    const to = from + hello.readUInt16BE(at + 2);
    found.push({ type: hello.readUInt16BE(at), from, to });
    at = to;
  }
  return found;
};

/** A name of another type counts as non-canonical. */
const namesOf = (hello: Buffer, from: number, to: number): string[] => {
  const names: string[] = [];
  for (let at = from + 2; at < to; ) {
    const length = hello.readUInt16BE(at + 1);
    if (at + 3 + length > to) throw new RangeError('a name exceeds its extension');
    names.push(hello.readUInt8(at) === HOST_NAME ? hello.toString('latin1', at + 3, at + 3 + length) : '');
    at += 3 + length;
  }
  return names;
};

const readHttp = (bytes: Buffer): FirstBytes => {
  const text = bytes.toString('latin1');
  // HTTP servers skip empty lines before a request, and other protocols may begin this way.
  if (/^[\r\n]/.test(text)) return { kind: 'unclear', reason: 'it begins with an empty line' };
  if (!/^[A-Z]{1,20}( |$)/.test(text.slice(0, 21))) return { kind: 'other' };
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { kind: 'more' };
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  if (!/^[A-Z]+ \/\S* HTTP\/1\.[01]$/.test(start)) return { kind: 'http', host: undefined };
  const hosts = lines.flatMap((line) => hostIn(line) ?? []);
  const target = hosts.length === 1 ? parseAuthority(hosts[0] ?? '', 80) : undefined;
  return { kind: 'http', host: target?.host };
};

const hostIn = (line: string): string | undefined => {
  const value = withoutBlanks(line.slice(HOST.length));
  return line.slice(0, HOST.length).toLowerCase() === HOST && !/\s/.test(value) ? value : undefined;
};
const HOST = 'host:';

/** Trims spaces and tabs around a header value. A pattern for both ends would backtrack. */
export const withoutBlanks = (value: string): string => {
  let start = 0;
  let end = value.length;
  while (isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
};

const isBlank = (code: number): boolean => code === 32 || code === 9;
