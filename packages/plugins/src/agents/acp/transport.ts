/**
 * ACP over the stdio of a command in a sandbox, such that a turn can be replayed: after a server crash the whole
 * output is read again from the first byte and every answer is written again at its original offset, where the guest
 * ignores what the process has already received.
 *
 * This requires that writes depend only on what was read, however the bytes were chunked. So messages are handled one
 * at a time: the next one is processed only after all effects of the last one, including the answer to a request of
 * the agent. Notifications never reach the SDK: they are handled here, in order.
 */
import type { Stream } from '@agentclientprotocol/sdk';
import {
  createLineCutter,
  createTextTail,
  type ExecChunk,
  type ExecExit,
  type Process,
  parseWithin,
} from '@berth/plugin-api';

export interface Transport {
  readonly stream: Stream;
  /** Reads to the end of the output. Rejects when the sandbox is lost. */
  pump(signal: AbortSignal): Promise<ExecExit>;
  /** The tail of its output outside the protocol, for error reports. */
  noise(): string;
}

export interface TransportEvents {
  /** Any valid message; called before it is handled. */
  heard(): void;
  notified(method: string, params: unknown): void;
  /** A write failed and later ones will too: the agent would wait for ever. */
  unsent(error: unknown): void;
  /** Part of its output was dropped: later writes would not be reproducible from it. */
  missed(): void;
}

const MAX_LINE_BYTES = 16 * 2 ** 20;
const NOISE_CHARACTERS = 2000;

type Message = Stream['readable'] extends ReadableStream<infer M> ? M : never;

export const createTransport = (process: Process, events: TransportEvents): Transport => {
  const noise = createTextTail(NOISE_CHARACTERS);
  const asked = new Set<unknown>();
  let answered: (() => void) | undefined;
  const send = createSender(process, events.unsent);
  const incoming = new TransformStream<Message, Message>();
  const toSdk = incoming.writable.getWriter();

  const writable = new WritableStream<Message>({
    write(message) {
      if ('method' in message && 'id' in message) asked.add(message.id);
      send(Buffer.from(`${JSON.stringify(message)}\n`));
      if (!('method' in message)) answered?.();
    },
  });

  const take = async (line: string): Promise<void> => {
    const message = parse(line);
    if (message === undefined) return noise.push(`${line}\n`);
    events.heard();
    if (message.method !== undefined && message.id === undefined)
      return events.notified(message.method, message.params);
    // A response without a request is noise of a confused or hostile agent.
    if (message.method === undefined && !asked.delete(message.id)) return;
    const done =
      message.method === undefined
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            answered = resolve;
          });
    await toSdk.write(message as unknown as Message); // checked by `parse` as far as the SDK relies on it
    await done;
    await nextTick();
  };

  const lines = createLineCutter(MAX_LINE_BYTES);
  const takeOutput = async (chunk: Output): Promise<void> => {
    if (chunk.stream === 'stderr') noise.push(Buffer.from(chunk.bytes).toString('utf8'));
    else for (const line of lines.push(chunk.bytes)) await take(line);
  };

  return {
    stream: { readable: incoming.readable, writable },
    noise: () => noise.text(),
    async pump(signal) {
      for await (const chunk of process.output(undefined, signal)) {
        if (chunk.kind === 'exit') return chunk.exit;
        if (chunk.kind === 'output') await takeOutput(chunk);
        if (chunk.kind === 'lagged' && chunk.stream === 'stdout') events.missed();
      }
      return { exitCode: null, timedOut: false, outOfMemory: false, durationMs: 0 };
    },
  };
};

type Output = Extract<ExecChunk, { kind: 'output' }>;

/**
 * Sends in order, each message at the offset after the previous one, without blocking: reading must not depend on how
 * fast the sandbox accepts bytes. Writing to an ended process succeeds, so a failure means that the sandbox is lost
 * or that the agent does not read its input.
 */
const createSender = (process: Process, failed: (error: unknown) => void): ((bytes: Uint8Array) => void) => {
  let offset = 0;
  let sent: Promise<void> = Promise.resolve();
  return (bytes) => {
    const at = offset;
    offset += bytes.length;
    sent = sent.then(() => process.write(at, bytes));
    sent.catch(failed);
  };
};

interface Incoming {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: unknown;
}

const parse = (line: string): Incoming | undefined => {
  if (!line.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = parseWithin(line);
  } catch {
    return undefined; // not the protocol, or nested too deep: noise
  }
  if (typeof value !== 'object' || value === null || !('jsonrpc' in value) || value.jsonrpc !== '2.0')
    return undefined;
  const { id, method, params } = value as Record<string, unknown>; // an object, by the test above
  if (method !== undefined && typeof method !== 'string') return undefined;
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return undefined;
  if (id === undefined && method === undefined) return undefined;
  return {
    ...value,
    ...(id === undefined ? {} : { id }),
    ...(method === undefined ? {} : { method, params }),
  };
};

/** Lets every continuation of the delivered message run, including those deferred by promise chains. */
const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
