/** A server that hangs: it takes connections and never answers, or stops in the middle of an answer. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommandLine } from '../src/program.ts';
import { createWorld } from './scripted-io.ts';

const LIMITS = { silenceMs: 150, pauseMs: 150 };
const UNAVAILABLE = 6;
const task = `tk_${'1'.repeat(20)}`;
const sandbox = `sb_${'1'.repeat(20)}`;
const command = `ex_${'1'.repeat(20)}`;

let server: Server;
let address = '';
const sockets = new Set<Socket>();
let act: (socket: Socket, request: string) => void;

beforeEach(async () => {
  act = () => undefined;
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('data', (bytes) => act(socket, bytes.toString()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

const berth = async (line: readonly string[]) => {
  const world = createWorld({ BERTH_ADDRESS: address }, '/', LIMITS);
  const exitCode = await runCommandLine([...line, '--address', address], world);
  return { exitCode, out: world.out(), err: world.err() };
};

const expectMessage = async (line: readonly string[]): Promise<void> => {
  const { exitCode, err } = await berth(line);
  expect(err, line.join(' ')).toContain(`The server at ${address} accepts connections but sent nothing for`);
  expect(err, line.join(' ')).toContain('server.log');
  expect(exitCode, line.join(' ')).toBe(UNAVAILABLE);
};

describe('a server that never answers', () => {
  test.each([
    [['status']],
    [['doctor']],
    [['events']],
    [['down']],
    [['task', 'list']],
    [['task', 'create', 'fix it', '--workspace', 'shop']],
    [['task', 'logs', task, '--follow']],
    [['workspace', 'add', '/nowhere']],
    [['sandbox', 'exec', sandbox, 'true']],
    [['sandbox', 'logs', sandbox, command]],
    [['sandbox', 'shell', sandbox]],
  ])('%s', expectMessage);
});

const head = (type: string, length: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\n${length}\r\n\r\n`;

test('a server that stops in the middle of an answer', async () => {
  act = (socket) => socket.write(`${head('application/json', 'content-length: 900')}{"rows": [`);
  await expectMessage(['task', 'list']);
});

test('a server that hangs in one call only, and says that it lives, is waited for', async () => {
  let asked = 0;
  act = (socket, request) => {
    if (!request.startsWith('GET /health/live ')) return;
    asked += 1;
    const body = '{"live":true}';
    socket.write(`${head('application/json', `content-length: ${body.length}`)}${body}`);
    if (asked < 3) return;
    for (const waiting of sockets)
      if (waiting !== socket) waiting.write(`${head('application/json', 'content-length: 12')}{"rows": []}`);
  };
  expect(await berth(['task', 'list'])).toMatchObject({ exitCode: 0, err: '' });
});
