/** A connection to a port inside, over a WebSocket: see `sandbox-port.ts` of the contract. */
import type { Duplex } from 'node:stream';
import {
  createPortWindow,
  decodePortFrame,
  encodePortFrame,
  fail,
  PORT_FRAME_BYTES,
  type PortWindow,
} from '@berth/contract';
import type { ClientSocket } from '../handler-types.ts';

interface Sides {
  readonly socket: ClientSocket;
  readonly stream: Duplex;
  readonly window: PortWindow;
}

/** Ends when both sides have ended, or one of them is gone. */
export const talkWithPort = async (socket: ClientSocket, stream: Duplex): Promise<void> => {
  const window = createPortWindow();
  const sides = { socket, stream, window };
  const ended = Promise.withResolvers<void>();
  const gone = new Promise<void>((resolve) => stream.once('close', resolve));
  // A broken connection is reported to the client by its close without an end.
  stream.on('error', () => undefined);
  try {
    await socket.send(encodePortFrame({ open: true }));
    const outwards = toClient(sides).then((isWhole) =>
      isWhole ? Promise.race([ended.promise, gone]) : undefined,
    );
    await Promise.race([outwards, fromClient(sides, ended.resolve), socket.closed]);
  } finally {
    window.close();
    stream.destroy();
  }
};

/** Resolves to false when the connection broke. */
const toClient = async (sides: Sides): Promise<boolean> => {
  const { socket, stream } = sides;
  try {
    for await (const bytes of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
      await sendPieces(sides, bytes);
  } catch (error) {
    if (stream.errored === error) return false;
    throw error;
  }
  await socket.send(encodePortFrame({ end: true }));
  return true;
};

const sendPieces = async ({ socket, window }: Sides, bytes: Buffer): Promise<void> => {
  for (let at = 0; at < bytes.length; at += PORT_FRAME_BYTES) {
    await window.room();
    const piece = bytes.subarray(at, at + PORT_FRAME_BYTES);
    window.sent(piece.length);
    await socket.send(piece);
  }
};

const fromClient = async ({ socket, stream, window }: Sides, ended: () => void): Promise<void> => {
  for await (const frame of socket.incoming) {
    if (typeof frame === 'string') {
      const said = decodePortFrame(frame);
      if ('passed' in said) window.passed(said.passed);
      if ('end' in said) stream.end(ended);
      continue;
    }
    if (stream.writableEnded) throw afterTheEnd();
    window.received(frame.length);
    // What a program does not take is not passed on, and the client stops; a closed stream takes everything.
    stream.write(frame, () => {
      const passed = window.passedOn(frame.length);
      if (passed > 0) void socket.send(encodePortFrame({ passed }));
    });
  }
};

const afterTheEnd = () =>
  fail('request.invalid', { issues: [{ path: 'frame', message: 'bytes after {"end":true}' }] });
