/**
 * The user's terminal, connected to one in a sandbox: bytes both ways, sizes as text frames. The bytes are not
 * sanitised: the user asked for a terminal, and what runs in it may draw on the user's while it is open.
 */
import process from 'node:process';
import { ERRORS, fail, KINDS } from '@berth/contract';
import { createClient } from '@berth/sdk/node';
import type { Context } from './command.ts';
import { type Connection, httpAddress } from './connection.ts';

export const openShell = async (context: Context, id: string): Promise<number> => {
  // A terminal that cannot be opened closes with only a code; an API call gives the reason.
  const { state } = await context.client.sandboxes.get({ id });
  if (state !== 'running') throw fail('sandbox.not_running', { id, state });
  const address = await httpAddress(context);
  const { stdin, stdout } = process;
  const size = () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 });
  const socket = createClient({ address, token: context.connection.token }).sandboxes.shell({
    id,
    ...size(),
  });
  await opened(socket, { ...context.connection, address });
  const resize = () => socket.send(JSON.stringify(size()));
  const type = (bytes: Buffer) => socket.send(new Uint8Array(bytes));
  const end = () => socket.close();
  stdin.setRawMode?.(true);
  stdin.on('data', type).once('end', end);
  stdout.on('resize', resize);
  try {
    return await untilClosed(socket, context);
  } finally {
    stdin.off('data', type).off('end', end).setRawMode?.(false);
    stdin.pause();
    stdout.off('resize', resize);
  }
};

const opened = async (socket: WebSocket, { address, limits }: Connection): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const silentMs = 2 * limits.silenceMs;
  const timer = setTimeout(() => reject(fail('server.silent', { address, silentMs })), silentMs);
  socket.addEventListener('open', () => resolve(), { once: true });
  const detail = 'the terminal could not be opened';
  socket.addEventListener('error', () => reject(fail('server.unreachable', { address, detail })), {
    once: true,
  });
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
};

const untilClosed = (socket: WebSocket, { world }: Context) =>
  new Promise<number>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      world.stdout.write(typeof data === 'string' ? data : new Uint8Array(data));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (code !== 1000 && reason !== '') world.stderr.write(`\nerror: the terminal ended: ${reason}\n`);
      const kind = Object.entries(ERRORS).find(([known]) => known === reason)?.[1].kind ?? 'unavailable';
      resolve(code === 1000 || code === 1005 ? 0 : KINDS[kind].exit);
    });
  });
