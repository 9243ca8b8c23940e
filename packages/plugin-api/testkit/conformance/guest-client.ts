/** The minimum of the guest protocol needed by a driver's suite: liveness, run, read and write. */
import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import {
  ACCEPTED,
  decodeFrameHeader,
  FRAME,
  FRAME_HEADER_BYTES,
  GUEST_PATHS,
  PREFACE,
} from '@berth/contract/guest';
import { firstLine } from '../fakes/guest.ts';

export interface GuestClient extends Disposable {
  health(timeoutMs?: number): Promise<{ readonly id: string; readonly pid: number }>;
  run(
    argv: readonly string[],
    timeoutMs?: number,
  ): Promise<{ readonly exitCode: number | null; readonly stdout: string; readonly stderr: string }>;
  /** Starts a command held until it is released. */
  hold(argv: readonly string[]): Promise<Held>;
  write(path: string, text: string): Promise<void>;
  /** Undefined when the file does not exist. */
  read(path: string): Promise<string | undefined>;
  /** Resolves when the other side hung up. */
  readonly closed: Promise<void>;
}

export interface Held {
  readonly id: string;
  /** Pid inside the machine. */
  readonly pid: number;
  release(): Promise<void>;
}

const ANSWER_TIMEOUT_MS = 20_000;
let execs = 0;

export const guestClient = async (connection: Duplex): Promise<GuestClient> => {
  const closed = new Promise<void>((resolve) => connection.once('close', () => resolve()));
  connection.on('error', () => connection.destroy());
  connection.write(PREFACE.control);
  assert.equal(await firstLine(connection), ACCEPTED);
  const session = connectHttp2('http://guest', { createConnection: () => connection });
  session.on('error', () => session.destroy());
  const ask = (method: string, path: string, body?: string, timeoutMs?: number): Promise<Answer> =>
    request(session, { method, path, body, timeoutMs: timeoutMs ?? ANSWER_TIMEOUT_MS });
  const content = (path: string): string => `${GUEST_PATHS.content}?path=${encodeURIComponent(path)}`;
  return {
    closed,
    health: async (timeoutMs) => JSON.parse(text(await ask('GET', GUEST_PATHS.health, undefined, timeoutMs))),
    run: async (argv, timeoutMs) => {
      const start = { id: `conformance-${process.pid}-${++execs}`, argv, input: '', follow: true };
      return framesOf((await ask('POST', GUEST_PATHS.execs, JSON.stringify(start), timeoutMs)).bytes);
    },
    hold: async (argv) => {
      const start = { id: `conformance-${process.pid}-${++execs}`, argv, input: '', held: true };
      const { id, pid } = JSON.parse(text(await ask('POST', GUEST_PATHS.execs, JSON.stringify(start))));
      return { id, pid, release: async () => void (await ask('POST', `${GUEST_PATHS.exec}${id}/release`)) };
    },
    write: async (path, value) => {
      const answer = await ask('PUT', content(path), value);
      assert.ok(answer.status < 300, answer.bytes.toString());
    },
    read: async (path) => {
      const answer = await ask('GET', content(path));
      return answer.status === 200 ? text(answer) : undefined;
    },
    [Symbol.dispose]: () => {
      session.destroy();
      connection.destroy();
    },
  };
};

interface Answer {
  readonly status: number;
  readonly bytes: Buffer;
}

const text = ({ bytes }: Answer): string => bytes.toString();

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly timeoutMs: number;
}

const request = (session: ClientHttp2Session, { method, path, body, timeoutMs }: Ask): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': method, ':path': path },
      { endStream: body === undefined, signal: AbortSignal.timeout(timeoutMs) },
    );
    let status = 0;
    const chunks: Buffer[] = [];
    stream.on('response', (headers) => {
      status = Number(headers[constants.HTTP2_HEADER_STATUS]);
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('end', () => resolve({ status, bytes: Buffer.concat(chunks) }));
    if (body !== undefined) stream.end(body);
  });

const framesOf = (bytes: Buffer): Awaited<ReturnType<GuestClient['run']>> => {
  let stdout = '';
  let stderr = '';
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    const { kind, lengthBytes } = decodeFrameHeader(bytes.subarray(at));
    const payload = bytes.toString('utf8', at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + lengthBytes);
    at += FRAME_HEADER_BYTES + lengthBytes;
    if (kind === FRAME.stdout) stdout += payload;
    if (kind === FRAME.stderr) stderr += payload;
    if (kind === FRAME.exit) return { exitCode: JSON.parse(payload).exitCode, stdout, stderr };
  }
  return assert.fail(`the command's output is incomplete: ${bytes.toString().slice(0, 300)}`);
};
