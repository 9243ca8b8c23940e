/** Files inside a sandbox. The guest resolves paths, since they mean something only there. */
import { type ClientHttp2Stream, constants } from 'node:http2';
import { FileEntry } from '@berth/contract';
import { GUEST_LIMITS, GUEST_PATHS } from '@berth/contract/guest';
import { GuestEntries, GuestFileChange, GuestWritten } from '@berth/contract/guest-messages';
import { createLineCutter, type Files } from '@berth/plugin-api';
import { z } from 'zod';
import { parseJson } from './channel/control.ts';
import { unreachable, untrustworthy } from './channel/preface.ts';
import type { ProcessAddress } from './exec/process-address.ts';

const DEFAULT_READ_BYTES = 16 * 2 ** 20;
const TRANSFER_MS = 5 * 60_000;
/** Longer than a client may keep the server waiting. */
const SILENCE_MS = 2 * 60_000;
const Done = z.object({});

export const createFiles = ({ id, link }: ProcessAddress): Files => {
  const post = async (path: string, query: Record<string, string>): Promise<void> => {
    await link.repeat((control) =>
      control.json({ method: 'POST', path, query, timeoutMs: TRANSFER_MS }, Done),
    );
  };
  return {
    read: (path, maxBytes = DEFAULT_READ_BYTES) =>
      link.repeat((control) =>
        control.bytes({
          method: 'GET',
          path: GUEST_PATHS.content,
          query: { path, maxBytes },
          maxBytes,
          timeoutMs: TRANSFER_MS,
        }),
      ),
    open: async (path, maxBytes) => {
      const call = { method: 'GET', path: GUEST_PATHS.content, query: { path, maxBytes } } as const;
      return piecesOf(id, await link.repeat((control) => control.stream(call)), maxBytes);
    },
    write: async (path, body, mode) => {
      const call = { method: 'PUT', path: GUEST_PATHS.content, query: { path, mode }, body } as const;
      // Pieces that are streamed exist only once.
      const act = body instanceof Uint8Array ? link.repeat : link.once;
      await act((control) => control.json({ ...call, timeoutMs: TRANSFER_MS }, GuestWritten));
    },
    list: async (path) => {
      const call = { method: 'GET', path: GUEST_PATHS.list, query: { path } } as const;
      return (await link.repeat((control) => control.json(call, GuestEntries))).entries;
    },
    stat: (path) =>
      link.repeat((control) =>
        control.json({ method: 'GET', path: GUEST_PATHS.stat, query: { path } }, FileEntry),
      ),
    makeFolder: (path) => post(GUEST_PATHS.folder, { path }),
    // Not retried: a rename that succeeded but whose response was lost would fail the second time.
    rename: async (from, to) => {
      const call = { method: 'POST', path: GUEST_PATHS.rename, query: { from, to } } as const;
      await link.once((control) => control.json(call, Done));
    },
    remove: (path) => post(GUEST_PATHS.remove, { path }),
  };
};

/** Ends with the reader, with the guest, and when the guest is silent for too long while it is waited for. */
async function* piecesOf(
  id: string,
  stream: ClientHttp2Stream,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  stream.setTimeout(SILENCE_MS, () => stream.destroy());
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (sizeBytes > maxBytes) throw untrustworthy(id, `the guest answered more than ${maxBytes} bytes`);
      yield piece;
    }
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw unreachable(id, 'the answer was broken off');
  } finally {
    stream.close(constants.NGHTTP2_CANCEL);
  }
}

/**
 * Changes below a folder until the signal aborts or the sandbox is gone. `overflow` means that some were dropped:
 * look again. Rejects with `file.*` or `sandbox.unreachable`.
 */
export async function* watchFiles(
  { id, link }: ProcessAddress,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<GuestFileChange> {
  const call = { method: 'GET', path: GUEST_PATHS.watch, query: { path } } as const;
  const source = await link.repeat((control) => control.stream(call));
  const abort = (): unknown => source.destroy();
  signal.addEventListener('abort', abort, { once: true });
  const lines = createLineCutter(GUEST_LIMITS.framePayloadBytes);
  try {
    for await (const bytes of source as AsyncIterable<Buffer>) {
      for (const line of lines.push(bytes)) yield parseJson(id, Buffer.from(line), GuestFileChange);
      if (lines.openBytes > GUEST_LIMITS.framePayloadBytes) throw untrustworthy(id, 'a line without end');
    }
  } catch (error) {
    if (!signal.aborted) throw unreachable(id, error);
  } finally {
    signal.removeEventListener('abort', abort);
    source.destroy();
  }
}
