/**
 * A command inside, as the server sees it. Its output is read by cursor, so a broken connection is resumed at the
 * last byte without the reader noticing.
 */
import { fail, isBerthError } from '@berth/contract';
import { GUEST_LIMITS, GUEST_PATHS } from '@berth/contract/guest';
import { GuestExec, type GuestExecStart, GuestInput } from '@berth/contract/guest-messages';
import type { ExecChunk, ExecCursor, ExecSpec, Process } from '@berth/plugin-api';
import type { GuestCall } from '../channel/control.ts';
import { type ExecFrame, readFrames } from '../channel/frames.ts';
import { RETRY_DELAYS_MS } from '../channel/link.ts';
import { mayRecover, unreachable } from '../channel/preface.ts';
import { contain, endTree } from './containment.ts';
import { ask, isMissing, type ProcessAddress, pathOf } from './process-address.ts';

export const startProcess = async (
  place: ProcessAddress,
  { contained = false, ...spec }: ExecSpec & Pick<GuestExecStart, 'input'>,
): Promise<Process> => {
  const held = contained && place.groups !== undefined;
  const call = startCall({ ...spec, argv: [...spec.argv], ...(held ? { held } : {}) });
  const begun = await place.link.repeat((control) => control.json(call, GuestExec));
  if (held) await contain(place, { ...begun, id: spec.id });
  return processOf(place, spec.id);
};

/** Undefined if no command has this id. */
export const attachProcess = async (place: ProcessAddress, execId: string): Promise<Process | undefined> => {
  try {
    await place.link.repeat((control) => control.json({ method: 'GET', path: pathOf(execId) }, GuestExec));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  return processOf(place, execId);
};

const processOf = (place: ProcessAddress, execId: string): Process => {
  const path = pathOf(execId);
  return {
    id: execId,
    output: (from, signal) => readOutput(place, { execId, from, signal }),
    write: (offset, bytes) => writeInput(place, path, { offset, bytes }),
    closeInput: () => ask(place, `${path}/close-input`),
    signal: (name) => (name === 'SIGKILL' ? endTree(place, execId) : ask(place, `${path}/signal`, { name })),
  };
};

const startCall = (start: GuestExecStart): GuestCall => {
  const body = Buffer.from(JSON.stringify(start));
  if (body.length > GUEST_LIMITS.jsonBytes)
    throw fail('request.too_large', { limitBytes: GUEST_LIMITS.jsonBytes });
  return { method: 'POST', path: GUEST_PATHS.execs, body };
};

/** In pieces: a process that does not read its input delays one piece, for at most the time limit of a call. */
const writeInput = async (
  { link }: ProcessAddress,
  path: string,
  { offset, bytes }: { offset: number; bytes: Uint8Array },
): Promise<void> => {
  for (let at = 0; at < bytes.length; at += GUEST_LIMITS.inputBytes) {
    const body = bytes.subarray(at, at + GUEST_LIMITS.inputBytes);
    const call = { method: 'PUT', path: `${path}/input`, query: { offset: offset + at }, body } as const;
    await link.repeat((control) => control.json(call, GuestInput));
  }
};

export interface Reading {
  readonly execId: string;
  readonly from?: ExecCursor | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Starts the command with the first request, so that start and output cost one round trip. */
  readonly start?: GuestExecStart | undefined;
}

/** Output, then the exit. Rejects with `sandbox.unreachable` if the connection cannot be renewed. */
export async function* readOutput(place: ProcessAddress, reading: Reading): AsyncGenerator<ExecChunk> {
  let cursor: ExecCursor = reading.from ?? { stdout: 0, stderr: 0 };
  let started = reading.start === undefined;
  let since = performance.now();
  for (let failures = 0; ; failures++) {
    try {
      for await (const frame of readOnce(place, reading, { cursor: started ? cursor : undefined, since })) {
        started = true;
        if (frame.kind === 'started') continue;
        if (frame.kind === 'exit') return yield frame;
        failures = 0;
        since = performance.now();
        cursor = advance(cursor, frame);
        yield frame;
      }
      throw unreachable(place.id, 'the output broke off');
    } catch (error) {
      const delayMs = delayOrThrow(error, failures, reading.signal);
      await place.link.pause(delayMs, since);
    }
  }
}

/** The delay before the next attempt; throws if there is to be none. */
const delayOrThrow = (error: unknown, failures: number, signal: AbortSignal | undefined): number => {
  if (signal?.aborted === true)
    throw fail('work.cancelled', { reason: 'the caller gave up' }, { cause: error });
  const delayMs = RETRY_DELAYS_MS[failures];
  if (delayMs === undefined || !mayRecover(error)) throw error;
  return delayMs;
};

/** Reads over one connection, from a cursor, or (if that is undefined) by starting the command. */
async function* readOnce(
  { id, link }: ProcessAddress,
  { execId, signal, start }: Reading,
  { cursor, since }: { readonly cursor: ExecCursor | undefined; readonly since: number },
): AsyncGenerator<ExecFrame> {
  const call: GuestCall =
    cursor === undefined && start !== undefined
      ? startCall({ ...start, follow: true })
      : { method: 'GET', path: `${pathOf(execId)}/output`, query: { ...cursor } };
  const source = await link.once((control) => control.stream({ ...call, signal }), since);
  const abort = (): unknown => source.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    yield* readFrames(id, source, cursor ?? { stdout: 0, stderr: 0 });
  } catch (error) {
    throw isBerthError(error) ? error : unreachable(id, error);
  } finally {
    signal?.removeEventListener('abort', abort);
    source.destroy();
  }
}

const advance = (cursor: ExecCursor, chunk: Exclude<ExecChunk, { kind: 'exit' }>): ExecCursor => ({
  ...cursor,
  [chunk.stream]: chunk.cursor + (chunk.kind === 'output' ? chunk.bytes.length : 0),
});
