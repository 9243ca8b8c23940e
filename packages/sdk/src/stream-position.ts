/** A reader's position in a stream, and how to resume from there. */
import { EventMessage, ExecPart } from '@berth/contract';
import type { EventSourceMessage } from 'eventsource-parser/stream';
import type { Input } from './request.ts';

export interface StreamPosition {
  readonly query: () => Input;
  readonly headers: () => Readonly<Record<string, string>>;
  /** Records a message: it is yielded, it is the last one, or it only gives the position to reopen at. */
  readonly pass: (message: EventSourceMessage) => 'go on' | 'end' | 'reopen';
}

export const positionIn = (routeId: string): StreamPosition =>
  routeId === 'sandbox.logs' ? outputPosition() : logPosition();

/** The event log: sequence numbers, sent back as `Last-Event-ID`. */
const logPosition = (): StreamPosition => {
  let last: string | undefined;
  return {
    query: () => ({}),
    headers: () => (last === undefined ? {} : { 'last-event-id': last }),
    pass: ({ id, data }) => {
      const message = EventMessage.parse(JSON.parse(data));
      if ('lagged' in message) {
        last = String(message.resumeAfter);
        return 'reopen';
      }
      last = id ?? String(message.seq);
      return 'go on';
    },
  };
};

/** The output of a command: a byte cursor per stream, and an end. */
const outputPosition = (): StreamPosition => {
  const cursors: { stdoutCursor?: number; stderrCursor?: number } = {};
  const utf8 = new TextEncoder();
  return {
    query: () => cursors,
    headers: () => ({}),
    pass: ({ data }) => {
      const part = ExecPart.parse(JSON.parse(data));
      if (part.kind === 'exit') return 'end';
      const sizeBytes = part.kind === 'output' ? utf8.encode(part.text).length : 0;
      cursors[`${part.stream}Cursor`] = part.cursor + sizeBytes;
      return 'go on';
    },
  };
};
