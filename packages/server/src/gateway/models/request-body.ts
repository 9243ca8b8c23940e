/**
 * Buffered bodies of model requests. A body is read only after memory for all of it is reserved: a sandbox that sends
 * many large ones at once only delays itself, and unsent bytes stay on its side.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { fail } from '@berth/contract';
import { createGrowingBytes, parseWithin } from '@berth/plugin-api';
import { createFairShare, type FairShare } from '../../system/fair-share.ts';

export const MAX_BODY_BYTES = 32 * 2 ** 20;
const BODY_MS = 60_000;

/** Running requests of all sandboxes: each holds a connection on either side while its model thinks. */
export const createPlaces = (): FairShare =>
  createFairShare({
    what: 'concurrent model requests',
    total: 256,
    perOwner: 16,
    waitingPerOwner: 48,
    waitMs: 60_000,
  });

/** For all sandboxes; each may use as much as the largest body. */
export const createBodyRoom = (): FairShare =>
  createFairShare({
    what: 'bytes of model requests',
    total: 6 * MAX_BODY_BYTES,
    perOwner: MAX_BODY_BYTES,
    waitingPerOwner: 16,
    waitMs: 60_000,
  });

export interface HeldBody {
  readonly bytes: Buffer;
  /** Call when the bytes are no longer needed; idempotent. */
  readonly release: () => void;
}

interface Sender {
  readonly room: FairShare;
  /** The sandbox it is charged to. */
  readonly owner: string;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** Rejects with `request.too_large`, `server.busy`, or `request.invalid` when the body does not arrive in time. */
export const holdBody = async (
  request: Readable & { readonly headers: IncomingHttpHeaders },
  { room, owner, signal }: Sender,
): Promise<HeldBody> => {
  const limitBytes = sizeOf(request.headers) ?? MAX_BODY_BYTES;
  if (limitBytes > MAX_BODY_BYTES) throw fail('request.too_large', { limitBytes: MAX_BODY_BYTES });
  const release = await room.take(owner, limitBytes, signal);
  const late = setTimeout(() => request.destroy(tooSlow()), BODY_MS);
  try {
    const body = createGrowingBytes();
    for await (const chunk of request) {
      if (body.sizeBytes + chunk.length > limitBytes) throw fail('request.too_large', { limitBytes });
      body.push(chunk);
    }
    return { bytes: body.view(), release };
  } catch (error) {
    release();
    throw error;
  } finally {
    clearTimeout(late);
  }
};

/** Rejects with `request.invalid` what is not JSON, or exceeds the JSON bounds. */
export const readBody = (bytes: Buffer): unknown => {
  try {
    return parseWithin(bytes.toString('utf8'));
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'it is not JSON');
  }
};

const tooSlow = () => invalid(`it did not arrive within ${BODY_MS} ms`);

const invalid = (message: string) => fail('request.invalid', { issues: [{ path: 'body', message }] });

const sizeOf = ({ 'content-length': length }: IncomingHttpHeaders): number | undefined =>
  length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
