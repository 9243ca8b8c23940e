/** A connection to a port inside a sandbox, as a pair of streams: what nobody reads holds up the program inside. */
import {
  type BerthError,
  createPortWindow,
  decodePortFrame,
  encodePortFrame,
  fail,
  PORT_FRAME_BYTES,
  type PortWindow,
} from '@berth/contract';
import type { Client } from './client-type.ts';

export interface PortConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface PortInput {
  readonly id: string;
  readonly port: number;
}

const DONE = 1000;
const NO_STATUS = 1005;

/**
 * Resolves when the program inside has accepted the connection. Rejects with `port.closed`, `sandbox.not_running` or
 * another code of the server's. The client's address must be http(s).
 */
export const connectPort = async (
  client: Pick<Client, 'sandboxes'>,
  { id, port }: PortInput,
): Promise<PortConnection> => {
  const input = { id, port };
  const socket = client.sandboxes.connectPort(input);
  const window = createPortWindow();
  const incoming = receive(socket, window, input);
  await incoming.opened;
  return {
    readable: new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const bytes = await incoming.next();
          if (bytes === undefined) return controller.close();
          controller.enqueue(bytes);
          const passed = window.passedOn(bytes.length);
          if (passed > 0 && socket.readyState === WebSocket.OPEN) socket.send(encodePortFrame({ passed }));
        },
        cancel: () => socket.close(),
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream<Uint8Array>({
      write: (bytes) => send(socket, window, { bytes, lost: incoming.lost }),
      close: () => {
        if (socket.readyState === WebSocket.OPEN) socket.send(encodePortFrame({ end: true }));
      },
      abort: () => socket.close(),
    }),
  };
};

const send = async (
  socket: WebSocket,
  window: PortWindow,
  { bytes, lost }: { readonly bytes: Uint8Array; readonly lost: () => BerthError },
): Promise<void> => {
  for (let at = 0; at < bytes.length; at += PORT_FRAME_BYTES) {
    await window.room();
    if (socket.readyState !== WebSocket.OPEN) throw lost();
    const piece = new Uint8Array(bytes.subarray(at, at + PORT_FRAME_BYTES));
    window.sent(piece.length);
    socket.send(piece);
  }
};

/** At most a window of bytes waits here: a server that sends more is disconnected. */
const receive = (socket: WebSocket, window: PortWindow, input: PortInput) => {
  const opened = Promise.withResolvers<void>();
  const waiting: Uint8Array[] = [];
  let state: 'open' | 'ended' | BerthError = 'open';
  let wake = (): void => undefined;
  const take = (data: unknown): void => {
    if (typeof data !== 'string') {
      const bytes = new Uint8Array(data as ArrayBuffer);
      window.received(bytes.length);
      waiting.push(bytes);
      return;
    }
    const frame = decodePortFrame(data);
    if ('open' in frame) opened.resolve();
    else if ('passed' in frame) window.passed(frame.passed);
    else state = 'ended';
  };
  socket.addEventListener('message', ({ data }) => {
    try {
      take(data);
    } catch {
      socket.close();
    }
    wake();
  });
  socket.addEventListener('close', ({ code, reason }) => {
    const error = closedBecause(input, code, reason);
    if (state === 'open') state = error;
    opened.reject(error);
    window.close();
    wake();
  });
  return {
    opened: opened.promise,
    lost: () => (typeof state === 'string' ? closedBecause(input, NO_STATUS, '') : state),
    /** Undefined at the end. */
    next: async (): Promise<Uint8Array | undefined> => {
      for (;;) {
        const bytes = waiting.shift();
        if (bytes !== undefined) return bytes;
        if (state === 'ended') return undefined;
        if (state !== 'open') throw state;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
};

/** A WebSocket is closed with no more than a code and a word; one that is refused, with not even that. */
const closedBecause = ({ id, port }: PortInput, code: number, reason: string): BerthError => {
  if (code === DONE || code === NO_STATUS || reason === 'port.closed')
    return fail('port.closed', {
      id,
      port,
      detail: reason === 'port.closed' ? 'nothing listens there' : 'the connection was closed',
    });
  if (reason === 'server.busy') return fail(reason, { what: 'connections to ports of this sandbox' });
  const refused =
    'the server refused the connection; it needs the token of an operator and a running sandbox';
  return fail('sandbox.unreachable', { id, detail: reason === '' ? refused : reason });
};
