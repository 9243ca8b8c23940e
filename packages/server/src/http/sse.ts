/**
 * Server-sent events. A stream is bounded: unread output is buffered here, and the writer waits (`drained`) or gives
 * up (`waitingBytes`). A comment every 15 s keeps proxies open and detects dead clients.
 */
import type { ServerResponse } from 'node:http';
import { isBerthError } from '@berth/contract';
import type { SseClient, SseProgram } from './handler-types.ts';

const HEARTBEAT_MS = 15_000;
/** Beyond this a writer waits for the client. */
const PAUSE_BYTES = 262_144;
/** After this many unread heartbeats in a row a client is cut off: it resumes from its cursor. */
const MAX_MISSED = 4;
/** A client that does not read the end of its stream is cut off. */
const FAREWELL_MS = 30_000;

export const sseText = (value: unknown, id?: number): Buffer =>
  Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`);

/** Takes over the response until the stream ends. `over` ends it from our side. */
export const answerEvents = async (
  response: ServerResponse,
  stream: AsyncIterable<unknown> | SseProgram,
  over: AbortSignal,
): Promise<void> => {
  const client = openClient(response, over);
  try {
    if (typeof stream === 'function') await stream(client);
    else await writeAll(client, stream);
  } catch (error) {
    // The status has been sent, so the error is reported in the stream.
    if (!client.signal.aborted)
      client.send(Buffer.concat([Buffer.from('event: error\n'), sseText(told(error))]));
  } finally {
    client.end();
  }
};

const told = (error: unknown) => ({
  error: isBerthError(error) ? error.body : { code: 'server.failed', message: 'The stream was aborted.' },
});

const writeAll = async (client: SseClient, stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const value of stream) {
    if (client.signal.aborted) return;
    client.send(sseText(value));
    if (client.waitingBytes() > PAUSE_BYTES) await client.drained();
  }
};

const openClient = (response: ServerResponse, over: AbortSignal): SseClient => {
  const ended = new AbortController();
  let missed = 0;
  const heartbeat = setInterval(() => {
    missed = response.writableNeedDrain ? missed + 1 : 0;
    if (missed > MAX_MISSED) response.destroy();
    else if (missed === 0) response.write(':\n\n');
  }, HEARTBEAT_MS);
  response.on('drain', () => {
    missed = 0;
  });
  const end = (): void => {
    if (ended.signal.aborted) return;
    ended.abort();
    clearInterval(heartbeat);
    over.removeEventListener('abort', end);
    response.end();
    const cut = setTimeout(() => response.destroy(), FAREWELL_MS);
    cut.unref();
    response.once('close', () => clearTimeout(cut));
  };
  response.once('close', end);
  response.once('error', end);
  over.addEventListener('abort', end, { once: true });
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(':\n\n');
  if (over.aborted) end();
  return {
    signal: ended.signal,
    send: (text) => {
      if (!ended.signal.aborted) response.write(text);
    },
    waitingBytes: () => response.writableLength,
    drained: () => drained(response, ended.signal),
    end,
  };
};

const drained = (response: ServerResponse, ended: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (ended.aborted || !response.writableNeedDrain) return resolve();
    const done = (): void => {
      response.off('drain', done);
      ended.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    ended.addEventListener('abort', done, { once: true });
  });
