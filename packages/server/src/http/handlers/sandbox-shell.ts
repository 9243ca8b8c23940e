/** A terminal over a WebSocket: binary frames are bytes, text frames are `{"columns","rows"}`. */
import { fail } from '@berth/contract';
import { z } from 'zod';
import type { Terminal } from '../../guest/exec/terminal.ts';
import type { ClientSocket } from '../handler-types.ts';

export type OpenTerminal = Pick<Terminal, 'stream' | 'resize' | 'kill'>;

const Size = z.strictObject({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) });

/** Ends with whichever side ends first; the terminal ends when its client disconnects. */
export const talkWithTerminal = async (socket: ClientSocket, terminal: OpenTerminal): Promise<void> => {
  try {
    await Promise.race([toClient(socket, terminal), fromClient(socket, terminal), socket.closed]);
  } finally {
    terminal.stream.destroy();
    await terminal.kill();
  }
};

const toClient = async (socket: ClientSocket, { stream }: OpenTerminal): Promise<void> => {
  for await (const bytes of stream) await socket.send(bytes as Uint8Array);
};

const fromClient = async (socket: ClientSocket, terminal: OpenTerminal): Promise<void> => {
  for await (const frame of socket.incoming) {
    if (typeof frame === 'string') {
      const { columns, rows } = readSize(frame);
      await terminal.resize(columns, rows);
    } else if (!terminal.stream.write(frame)) await drained(terminal);
  }
};

const readSize = (text: string): z.infer<typeof Size> => {
  try {
    return Size.parse(JSON.parse(text));
  } catch (error) {
    const message = 'must be {"columns","rows"}';
    throw fail('request.invalid', { issues: [{ path: 'frame', message }] }, { cause: error });
  }
};

const drained = ({ stream }: OpenTerminal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
