/**
 * Reads from the first bytes of a connection which server the client means: the server name in a TLS ClientHello
 * (RFC 8446 §4.1.2, RFC 6066 §3), or the Host of an HTTP/1 request. It must be the host that was asked for, or an
 * allowed address would be a door to every other site behind it.
 */
import { canonicalHost, parseAuthority } from './host.ts';

export type FirstBytes =
  | { readonly kind: 'more' }
  /** `host` is undefined when the client named none. */
  | { readonly kind: 'tls'; readonly host: string | undefined }
  | { readonly kind: 'http'; readonly host: string | undefined }
  | { readonly kind: 'other' };

export const MAX_FIRST_BYTES = 16 * 2 ** 10;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
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
    return { kind: 'tls', host: serverNameOf(message) };
  } catch (thrown) {
    // Lengths that point beyond the message.
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
  }
  const message = Buffer.concat(parts);
  if (message.length < MESSAGE_HEADER_BYTES) return 'more';
  if (message[0] !== CLIENT_HELLO) return undefined;
  const end = MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3);
  return message.length < end ? 'more' : message.subarray(MESSAGE_HEADER_BYTES, end);
};

/** The one server name of a ClientHello; two names are none, because readers differ on which counts. */
const serverNameOf = (hello: Buffer): string | undefined => {
  const versionAndRandom = 34;
  let at = versionAndRandom;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const names: string[] = [];
  let extensions = 2 + hello.readUInt16BE(at);
  extensions += at;
  for (at += 2; at < extensions; ) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    if (type === SERVER_NAME) names.push(...namesOf(hello, at + 4, at + 4 + length));
    at += 4 + length;
  }
  return names.length === 1 ? canonicalHost(names[0] ?? '') : undefined;
};

const namesOf = (hello: Buffer, from: number, to: number): string[] => {
  const names: string[] = [];
  for (let at = from + 2; at < to; ) {
    const length = hello.readUInt16BE(at + 1);
    if (at + 3 + length > to) throw new RangeError('a name beyond its extension');
    names.push(hello.toString('latin1', at + 3, at + 3 + length));
    at += 3 + length;
  }
  return names;
};

const readHttp = (bytes: Buffer): FirstBytes => {
  const text = bytes.toString('latin1');
  if (!/^[A-Z]{1,20}( |$)/.test(text.slice(0, 21))) return { kind: 'other' };
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return { kind: 'more' };
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  if (!/^[A-Z]+ \/\S* HTTP\/1\.[01]$/.test(start)) return { kind: 'http', host: undefined };
  const hosts = lines.flatMap((line) => /^host:[ \t]*(\S*)[ \t]*$/i.exec(line)?.[1] ?? []);
  const target = hosts.length === 1 ? parseAuthority(hosts[0] ?? '', 80) : undefined;
  return { kind: 'http', host: target?.host };
};
