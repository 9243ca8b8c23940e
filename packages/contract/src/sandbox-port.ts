/**
 * A connection to a port inside a sandbox, over a WebSocket. Binary frames are bytes. Text frames are `PortFrame`s:
 * the server says when the connection is open; each side says when it will send no more, and how many bytes it has
 * passed on. A side sends at most `PORT_WINDOW_BYTES` more than the other has passed on, so neither buffers more.
 */
import { z } from 'zod';
import { fail } from './errors.ts';
import { SandboxId } from './ids.ts';
import { route } from './kernel/route.ts';
import { LIVE_ERRORS } from './sandbox.ts';

export const PORT_WINDOW_BYTES = 131_072;
/** Of one binary frame. */
export const PORT_FRAME_BYTES = 65_536;

const PortFrame = z.union([
  z.strictObject({ open: z.literal(true) }),
  z.strictObject({ passed: z.int().min(1).max(PORT_WINDOW_BYTES) }),
  z.strictObject({ end: z.literal(true) }),
]);
export type PortFrame = z.infer<typeof PortFrame>;

export const encodePortFrame = (frame: PortFrame): string => JSON.stringify(frame);

/** Throws `request.invalid`. */
export const decodePortFrame = (text: string): PortFrame => {
  try {
    return PortFrame.parse(JSON.parse(text));
  } catch (error) {
    throw invalidFrame('must be {"open":true}, {"passed":<bytes>} or {"end":true}', error);
  }
};

const invalidFrame = (message: string, cause?: unknown) =>
  fail('request.invalid', { issues: [{ path: 'frame', message }] }, { cause });

/** What one side of a connection has sent and received. */
export interface PortWindow {
  /** Resolves when something may be sent, or when the window is closed. */
  room(): Promise<void>;
  sent(bytes: number): void;
  /** The other side has passed on this much. Throws `request.invalid` when that was never sent. */
  passed(bytes: number): void;
  /** Throws `request.invalid` when the other side sent more than it may. */
  received(bytes: number): void;
  /** This side has passed on what it received. Returns how much to tell the other side now; often 0. */
  passedOn(bytes: number): number;
  close(): void;
}

export const createPortWindow = (): PortWindow => {
  let [unpassed, held, untold] = [0, 0, 0];
  let isClosed = false;
  let wake = (): void => undefined;
  return {
    async room() {
      while (unpassed >= PORT_WINDOW_BYTES - PORT_FRAME_BYTES + 1 && !isClosed)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    sent: (bytes) => {
      unpassed += bytes;
    },
    passed: (bytes) => {
      if (bytes > unpassed) throw invalidFrame('says that more was passed on than was sent');
      unpassed -= bytes;
      wake();
    },
    received: (bytes) => {
      held += bytes;
      if (held > PORT_WINDOW_BYTES)
        throw invalidFrame(`more than ${PORT_WINDOW_BYTES} bytes were not passed on`);
    },
    passedOn: (bytes) => {
      untold += bytes;
      if (untold < PORT_WINDOW_BYTES / 4) return 0;
      const told = untold;
      held -= told;
      untold = 0;
      return told;
    },
    close: () => {
      isClosed = true;
      wake();
    },
  };
};

export const sandboxPortRoutes = [
  route({
    id: 'sandbox.connectPort',
    method: 'GET',
    path: '/v1/sandboxes/:id/ports/:port',
    params: z.strictObject({ id: SandboxId, port: z.coerce.number().int().min(1).max(65_535) }),
    returns: z.object({}),
    answers: 'socket',
    role: 'operator',
    errors: [...LIVE_ERRORS, 'port.closed', 'server.busy'],
    summary:
      'A TCP connection to a port inside, over WebSocket: binary frames are bytes, text frames are {"open"}, {"passed"}, {"end"}',
  }),
] as const;
