/** The frames of a command's output, taken from the guest's bytes and checked: kinds, sizes, cursors, order. */
import { decodeFrameHeader, FRAME, FRAME_HEADER_BYTES, GUEST_LIMITS } from '@berth/contract/guest';
import { GuestExec, GuestExit } from '@berth/contract/guest-messages';
import type { ExecChunk, ExecCursor } from '@berth/plugin-api';
import { parseJson } from './control.ts';
import { untrustworthy } from './preface.ts';

export type ExecFrame = ExecChunk | { readonly kind: 'started'; readonly exec: GuestExec };

/**
 * Yields frames until the exit. Rejects with `sandbox.unreachable` when the guest does not keep to the protocol; ends
 * without an exit when the bytes end.
 */
export async function* readFrames(
  id: string,
  source: AsyncIterable<Uint8Array>,
  from: ExecCursor,
): AsyncGenerator<ExecFrame> {
  const cursors = { stdout: from.stdout, stderr: from.stderr };
  let pending: Buffer = Buffer.alloc(0);
  for await (const bytes of source) {
    pending = pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([pending, bytes]);
    while (pending.length >= FRAME_HEADER_BYTES) {
      const { kind, lengthBytes, cursor } = decodeFrameHeader(pending);
      if (lengthBytes > GUEST_LIMITS.framePayloadBytes)
        throw malformed(id, `a frame of ${lengthBytes} bytes`);
      const end = FRAME_HEADER_BYTES + lengthBytes;
      if (pending.length < end) break;
      const frame = interpret(
        id,
        { kind, cursor, payload: pending.subarray(FRAME_HEADER_BYTES, end) },
        cursors,
      );
      pending = pending.subarray(end);
      yield frame;
      if (frame.kind === 'exit') return;
    }
  }
}

const malformed = (id: string, what: string) => untrustworthy(id, `the guest sent ${what}`);

interface RawFrame {
  readonly kind: number;
  readonly cursor: number;
  readonly payload: Buffer;
}

const interpret = (
  id: string,
  { kind, cursor, payload }: RawFrame,
  cursors: { stdout: number; stderr: number },
): ExecFrame => {
  switch (kind) {
    case FRAME.started:
      return { kind: 'started', exec: parseJson(id, payload, GuestExec) };
    case FRAME.exit:
      return { kind: 'exit', exit: parseJson(id, payload, GuestExit) };
    case FRAME.stdout:
    case FRAME.stderr: {
      const stream = kind === FRAME.stdout ? 'stdout' : 'stderr';
      if (cursor !== cursors[stream] || payload.length === 0)
        throw malformed(id, `output at ${cursor} where ${cursors[stream]} was next`);
      cursors[stream] += payload.length;
      return { kind: 'output', stream, cursor, bytes: payload };
    }
    case FRAME.laggedStdout:
    case FRAME.laggedStderr: {
      const stream = kind === FRAME.laggedStdout ? 'stdout' : 'stderr';
      if (cursor <= cursors[stream] || !Number.isSafeInteger(cursor))
        throw malformed(id, 'a cursor that goes back');
      cursors[stream] = cursor;
      return { kind: 'lagged', stream, cursor };
    }
    default:
      throw malformed(id, `a frame of the unknown kind ${kind}`);
  }
};
