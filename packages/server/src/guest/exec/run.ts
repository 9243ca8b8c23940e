/** Runs a command to completion and collects the most recent part of its output. */
import { fail } from '@berth/contract';
import { isStop } from '@berth/core';
import {
  type ByteTail,
  createByteTail,
  type ExecSpec,
  type RunResult,
  type Sandbox,
} from '@berth/plugin-api';
import { unreachable } from '../channel/preface.ts';
import { endTree } from './containment.ts';
import { type Reading, readOutput, startProcess } from './process.ts';
import type { ProcessAddress } from './process-address.ts';

type RunSpec = Parameters<Sandbox['run']>[0];

/**
 * One round trip, or a few if it is contained. If the caller aborts, the command is killed, and this rejects with
 * `work.cancelled`. If the server stops, the command keeps running, and whoever runs it again under its id gets its
 * real end.
 */
export const runProcess = async (
  place: ProcessAddress,
  { stdin = '', maxOutputBytes = DEFAULT_OUTPUT_BYTES, ...spec }: RunSpec,
  signal: AbortSignal | undefined,
): Promise<RunResult> => {
  const time = timeLimit(spec, signal);
  const outputs: Outputs = { stdout: outputOf(maxOutputBytes), stderr: outputOf(maxOutputBytes) };
  try {
    const reading = await begin(place, { ...spec, input: stdin }, time.signal);
    for await (const chunk of readOutput(place, { ...reading, signal: time.signal })) {
      if (chunk.kind === 'output') outputs[chunk.stream].tail.push(chunk.bytes);
      if (chunk.kind === 'lagged') outputs[chunk.stream].isCut = true;
      if (chunk.kind !== 'exit') continue;
      if (spec.contained === true) await endTree(place, spec.id);
      return resultOf(chunk.exit, outputs);
    }
  } catch (error) {
    // Best effort, if the guest can still be reached: the caller's own reason is what counts.
    if (time.isGivenUp()) await endTree(place, spec.id).catch(() => undefined);
    if (time.isOver())
      throw unreachable(place.id, `${spec.argv[0]} did not end ${GRACE_MS} ms after its time`);
    throw error;
  } finally {
    time.stop();
  }
  throw unreachable(place.id, 'the output ended without an exit');
};

/** A contained command is started first; any other with the request that reads its output. */
const begin = async (
  place: ProcessAddress,
  { contained, ...spec }: ExecSpec & { readonly input: string },
  signal: AbortSignal,
): Promise<Reading> => {
  if (contained !== true) return { execId: spec.id, start: { ...spec, argv: [...spec.argv] } };
  if (!signal.aborted) await startProcess(place, { ...spec, contained });
  return { execId: spec.id };
};

const DEFAULT_OUTPUT_BYTES = 2 ** 20;
/** How much longer than its own timeout a command may appear to run before the guest is no longer believed. */
const GRACE_MS = 30_000;

const resultOf = (exit: Omit<RunResult, 'stdout' | 'stderr' | 'truncated'>, outputs: Outputs): RunResult => ({
  ...exit,
  stdout: outputs.stdout.tail.bytes().toString(),
  stderr: outputs.stderr.tail.bytes().toString(),
  truncated: isTruncated(outputs.stdout) || isTruncated(outputs.stderr),
});

const timeLimit = ({ timeoutMs }: ExecSpec, signal: AbortSignal | undefined) => {
  const over = new AbortController();
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => over.abort(fail('work.cancelled', { reason: 'time' })), timeoutMs + GRACE_MS);
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  return {
    signal: either,
    isGivenUp: () => either.aborted && !isStop(either.reason),
    isOver: () => over.signal.aborted,
    stop: () => clearTimeout(timer),
  };
};

interface Output {
  readonly tail: ByteTail;
  /** Output is missing before what came next. */
  isCut: boolean;
}

type Outputs = Readonly<Record<'stdout' | 'stderr', Output>>;

const outputOf = (maxBytes: number): Output => ({ tail: createByteTail(maxBytes), isCut: false });

const isTruncated = ({ tail, isCut }: Output): boolean => isCut || tail.isCut;
