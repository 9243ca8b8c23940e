/** Binary bodies, streamed, up to a limit. */
import { fail } from '@berth/contract';
import type { FastifyRequest } from 'fastify';

export const UPLOAD_LIMIT_BYTES = 67_108_864;

/** Rejects with `request.too_large`, before the first byte when the request declares its size. */
export const limitedBytes = (request: FastifyRequest): AsyncIterable<Uint8Array> => {
  const body: unknown = request.body;
  if (Number(request.headers['content-length'] ?? 0) > UPLOAD_LIMIT_BYTES) throw tooLarge();
  if (body === undefined || body === null) return none();
  if (body !== request.raw) {
    const message = 'must be application/octet-stream';
    throw fail('request.invalid', { issues: [{ path: 'headers.content-type', message }] });
  }
  return counted(request.raw);
};

async function* counted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (sizeBytes > UPLOAD_LIMIT_BYTES) throw tooLarge();
    yield chunk;
  }
}

async function* none(): AsyncGenerator<Uint8Array> {
  // An empty file has no body at all.
}

const tooLarge = () => fail('request.too_large', { limitBytes: UPLOAD_LIMIT_BYTES });
