/** The frames of a command's output, decoded from the guest's bytes and checked: kinds, sizes, cursors, order. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeFrameHeader, FRAME, FRAME_HEADER_BYTES, GUEST_LIMITS } from '@berth/contract/guest';
import { GuestExec, GuestExit } from '@berth/contract/guest-messages';
import { createGrowingBytes, type ExecChunk, type ExecCursor } from '@berth/plugin-api';
import { parseJson } from './control.ts';
import { untrustworthy } from './preface.ts';

export type ExecFrame = ExecChunk | { readonly kind: 'started'; readonly exec: GuestExec };

/** Yields to the rest of the process after this many: a guest may send one-byte frames as fast as it can. */
const FRAMES_PER_TURN = 256;

/**
 * Yields frames until the exit. Rejects with `sandbox.unreachable` if the guest violates the protocol; ends without
 * an exit if the bytes end.
 */
export async function* readFrames(
  id: string,
  source: AsyncIterable<Uint8Array>,
  from: ExecCursor,
): AsyncGenerator<ExecFrame> {
  const cursors = { stdout: from.stdout, stderr: from.stderr };
  const pending = createGrowingBytes();
  let sinceTurn = 0;
  for await (const bytes of source) {
    pending.push(bytes);
    for (let raw = firstFrame(id, pending.view()); raw !== undefined; raw = firstFrame(id, pending.view())) {
      // Copied: what is kept of a frame must neither be overwritten nor keep the chunk it came in alive.
      const frame = interpret(id, { ...raw, payload: Buffer.from(raw.payload) }, cursors);
      pending.drop(FRAME_HEADER_BYTES + raw.payload.length);
      yield frame;
      if (frame.kind === 'exit') return;
      sinceTurn += 1;
      if (sinceTurn % FRAMES_PER_TURN === 0) await nextTurn();
    }
  }
}

/** Undefined if it is incomplete. */
const firstFrame = (id: string, bytes: Buffer): RawFrame | undefined => {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const { kind, lengthBytes, cursor } = decodeFrameHeader(bytes);
  if (lengthBytes > GUEST_LIMITS.framePayloadBytes) throw malformed(id, `a frame of ${lengthBytes} bytes`);
  const end = FRAME_HEADER_BYTES + lengthBytes;
  return bytes.length < end ? undefined : { kind, cursor, payload: bytes.subarray(FRAME_HEADER_BYTES, end) };
};

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
