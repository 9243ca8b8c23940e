/** Sends a command's output from a cursor, then its exit, as frames. Respects the reader's backpressure. */
import type { Writable } from 'node:stream';
import { encodeFrameHeader, FRAME, GUEST_LIMITS } from '@berth/contract/guest';
import type { Command } from './command.ts';
import type { OutputLog } from './log.ts';

export interface Cursors {
  readonly stdout: number;
  readonly stderr: number;
}

export const follow = (command: Command, from: Cursors, to: Writable): void => {
  const channels = [
    { log: command.stdout, cursor: from.stdout, output: FRAME.stdout, lagged: FRAME.laggedStdout },
    { log: command.stderr, cursor: from.stderr, output: FRAME.stderr, lagged: FRAME.laggedStderr },
  ];
  let full = false;
  /**
   * Sends available output, channel by channel in turn, until there is no more or the reader applies backpressure.
   */
  const sendOutput = (): void => {
    for (let moved = true; moved && !full; ) {
      moved = false;
      for (const channel of channels) {
        if (full || channel.cursor >= channel.log.end) continue;
        full = !step(channel, to);
        moved = true;
      }
    }
  };
  const pump = (): void => {
    if (full || to.destroyed || to.writableEnded) return;
    sendOutput();
    if (command.exit === undefined || full) return;
    sendJson(to, FRAME.exit, command.exit);
    to.end();
  };
  const stop = command.onChange(pump);
  to.on('drain', () => {
    full = false;
    pump();
  });
  to.once('close', stop);
  sendJson(to, FRAME.started, command.describe());
  pump();
};

interface Channel {
  readonly log: OutputLog;
  cursor: number;
  readonly output: number;
  readonly lagged: number;
}

/** One frame; false when the reader applies backpressure. */
const step = (channel: Channel, to: Writable): boolean => {
  if (channel.cursor < channel.log.start) {
    channel.cursor = channel.log.start;
    return send(to, { kind: channel.lagged, cursor: channel.cursor }, EMPTY);
  }
  const bytes = channel.log.read(channel.cursor, GUEST_LIMITS.framePayloadBytes);
  const cursor = channel.cursor;
  channel.cursor += bytes.length;
  return send(to, { kind: channel.output, cursor }, bytes);
};

const EMPTY = Buffer.alloc(0);

const sendJson = (to: Writable, kind: number, value: unknown): boolean =>
  send(to, { kind, cursor: 0 }, Buffer.from(JSON.stringify(value)));

const send = (to: Writable, head: { kind: number; cursor: number }, payload: Buffer): boolean =>
  to.write(Buffer.concat([encodeFrameHeader({ ...head, lengthBytes: payload.length }), payload]));
