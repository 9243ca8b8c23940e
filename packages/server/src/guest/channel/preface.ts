/** The first lines on a connection to a guest, before HTTP/2: its purpose, and the guest's answer. */
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { type BerthError, fail, isBerthError } from '@berth/contract';
import {
  ACCEPTED,
  ANSWER_PATTERN,
  type ConnectionPurpose,
  GUEST_LIMITS,
  GUEST_VERSION,
  MAX_PREFACE_BYTES,
  PREFACE,
  REFUSED_PREFIX,
} from '@berth/contract/guest';

/**
 * Resolves when the guest accepted; otherwise destroys the connection and rejects with `sandbox.unreachable` or
 * `sandbox.outdated`.
 */
export const introduce = async (duplex: Duplex, purpose: ConnectionPurpose, id: string): Promise<void> => {
  duplex.write(PREFACE[purpose]);
  try {
    const line = await readLine(duplex, id);
    if (line !== ACCEPTED) throw outdated(id, line) ?? untrustworthy(id, refusalOf(line));
  } catch (error) {
    duplex.destroy();
    throw isBerthError(error) ? error : unreachable(id, error);
  }
};

/** The guest of a machine that a server of another version created keeps running as it is. */
const outdated = (id: string, line: string): BerthError | undefined => {
  const guest = Number(ANSWER_PATTERN.exec(line)?.[1] ?? GUEST_VERSION);
  return guest === GUEST_VERSION ? undefined : fail('sandbox.outdated', { id, guest, server: GUEST_VERSION });
};

/** `detail`: a sentence, or the error thrown. */
export const unreachable = (id: string, detail: unknown): BerthError => unreachableAs(id, detail, undefined);

/** For a guest that violates the protocol or a time limit: a retry would end the same way. */
export const untrustworthy = (id: string, detail: unknown): BerthError => unreachableAs(id, detail, FINAL);

/** Whether a new connection may help. */
export const mayRecover = (error: unknown): boolean =>
  isBerthError(error) && error.code === 'sandbox.unreachable' && error.internal !== FINAL;

const FINAL = 'the guest broke the protocol or its time';

const unreachableAs = (id: string, detail: unknown, internal: string | undefined): BerthError =>
  fail(
    'sandbox.unreachable',
    { id, detail: printable(detail instanceof Error ? detail.message : String(detail)) },
    { cause: detail, ...(internal === undefined ? {} : { internal }) },
  );

/** Makes a line chosen by the guest safe to show: printable ASCII, at most 300 characters. */
export const printable = (text: string): string => text.slice(0, 300).replace(/[^ -~]/g, '?');

const refusalOf = (line: string): string =>
  line.startsWith(REFUSED_PREFIX)
    ? line.slice(REFUSED_PREFIX.length).trim()
    : `it answered ${JSON.stringify(line.slice(0, 60))}, which is not the guest protocol`;

/** Reads byte by byte, so that what follows the line feed stays in the stream for HTTP/2. */
const readLine = (duplex: Duplex, id: string): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = '';
  const take = (): void => {
    for (let byte = readByte(duplex); byte !== undefined; byte = readByte(duplex)) {
      line += byte;
      if (byte === '\n' || line.length >= MAX_PREFACE_BYTES) {
        resolve(line);
        return;
      }
    }
  };
  const hungUp = (): void => reject(unreachable(id, 'the guest hung up'));
  const timer = setTimeout(
    () => reject(unreachable(id, `no answer within ${GUEST_LIMITS.prefaceMs} ms`)),
    GUEST_LIMITS.prefaceMs,
  );
  duplex.on('readable', take).once('end', hungUp).once('close', hungUp).once('error', reject);
  return promise.finally(() => {
    clearTimeout(timer);
    duplex.off('readable', take).off('end', hungUp).off('close', hungUp).off('error', reject);
  });
};

const readByte = (duplex: Duplex): string | undefined => {
  const byte: Buffer | null = duplex.read(1);
  return byte === null ? undefined : byte.toString('latin1');
};

/**
 * Bytes that a guest sent before its session was created are in the stream's buffer. Node's HTTP/2 delivers them one
 * tick after it created the session, and if that has ended meanwhile (the sandbox is being removed, the guest
 * disconnected) throws a TypeError where nobody can catch it, which crashes the whole server. So they are dropped
 * just before that. Call it immediately before the session is created: ticks run in the order in which they were
 * scheduled.
 */
export const dropBytesOfEnded = (duplex: Duplex, hasEnded: () => boolean): void =>
  process.nextTick(() => {
    if (hasEnded()) duplex.read();
  });
