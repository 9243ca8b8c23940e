/**
 * Handles input that is not a valid request, or times out: answered like every other failure, and the connection is
 * closed.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type BerthError, fail } from '@berth/contract';

/** Time for the client to read the response: one that keeps sending would otherwise hold the connection. */
const FAREWELL_MS = 2000;

interface Refusal {
  readonly status: number;
  readonly error: BerthError;
}

export const answerNotHttp = (cause: NodeJS.ErrnoException, socket: Socket): void => {
  if (cause.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, error } = refusalOf(cause);
  const body = JSON.stringify({ error: error.body });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  const cut = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(cut));
};

const refusalOf = (cause: NodeJS.ErrnoException): Refusal => {
  const told = (status: number, path: string, message: string): Refusal => ({
    status,
    error: fail('request.invalid', { issues: [{ path, message }] }, { cause }),
  });
  if (cause.code === 'HPE_HEADER_OVERFLOW') return told(431, 'headers', 'they are too large');
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT') return told(408, 'request', 'it did not arrive in time');
  return told(400, 'request', 'it is not HTTP/1.1');
};
