/** `berth down`: stops the server of this home. Running work resumes at the next start. */
import { fail, isBerthError } from '@berth/contract';
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { holderOf, isRunning } from '../home-lock.ts';
import { isReady } from '../server-process.ts';

const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export const downCommand = (frame: Frame): Command =>
  leaf(frame, 'down', 'Stop the server; running work resumes at its next start', (context, { options }) =>
    down(context, options.removeSandboxes === true),
  ).option('--remove-sandboxes', 'accept no more work, remove every sandbox, and wait until they are gone');

/** A server that is not running is already stopped. */
const down = async ({ client, connection, output }: Context, removesSandboxes: boolean): Promise<number> => {
  let pid: number | undefined;
  try {
    const stopping = await client.system.shutdown(removesSandboxes ? { removeSandboxes: true } : {});
    // On this machine, its exit can be observed.
    if (holderOf(connection.home) === stopping.pid) pid = stopping.pid;
  } catch (error) {
    if (!isBerthError(error) || error.code !== 'server.unreachable') throw error;
    // An explicit address may belong to another server, or be stale.
    const holder = holderOf(connection.home);
    if (holder === undefined) return told(output, 'no server is running');
    throw fail('server.unheard', { address: connection.address, home: connection.home, pid: holder });
  }
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while ((await isReady(connection)) || (pid !== undefined && isRunning(pid))) {
    if (Date.now() > deadline) {
      throw fail('server.unreachable', {
        address: connection.address,
        detail: `it is still running after ${STOP_TIMEOUT_MS} ms`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return told(output, 'stopped');
};

const told = (output: Context['output'], state: string): number => {
  if (output.isJson) output.json({ state });
  else output.line(state);
  return 0;
};
