/** `berth down`: stops the server of this home. What is under way goes on at the next start. */
import { fail, isBerthError } from '@berth/contract';
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { holderOf, isRunning } from '../home-lock.ts';
import { isReady } from '../server-process.ts';

const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 50;

export const downCommand = (frame: Frame): Command =>
  leaf(frame, 'down', 'Stop the server; work under way goes on at its next start', (context, { options }) =>
    down(context, options.removeSandboxes === true),
  ).option('--remove-sandboxes', 'remove every sandbox first, and wait until they are gone');

/** A server that is not running is stopped already. */
const down = async ({ client, place, output }: Context, removesSandboxes: boolean): Promise<number> => {
  let pid: number | undefined;
  try {
    if (removesSandboxes) await removeAll(client);
    const stopping = await client.system.shutdown();
    // On this machine, its end can be seen.
    if (holderOf(place.home) === stopping.pid) pid = stopping.pid;
  } catch (error) {
    if (!isBerthError(error) || error.code !== 'server.unreachable') throw error;
    return told(output, 'no server runs');
  }
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while ((await isReady(place)) || (pid !== undefined && isRunning(pid))) {
    if (Date.now() > deadline) {
      throw fail('server.unreachable', {
        address: place.address,
        detail: `it still runs after ${STOP_TIMEOUT_MS} ms`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return told(output, 'stopped');
};

const removeAll = async (client: Context['client']): Promise<void> => {
  const { lastSeq } = await client.system.stats();
  const left = new Set<string>();
  for await (const { id, state } of living(client)) {
    left.add(id);
    if (state !== 'deleting') await client.sandboxes.remove({ id });
  }
  if (left.size === 0) return;
  for await (const { type, subject } of client.events.stream({ afterSeq: lastSeq, type: 'sandbox.*' })) {
    if (type === 'sandbox.removed') left.delete(subject);
    if (left.size === 0) return;
  }
};

async function* living(client: Context['client']) {
  let after: string | undefined;
  do {
    const page = await client.sandboxes.list({ after, limit: 200 });
    yield* page.rows.filter(({ state }) => state !== 'destroyed');
    after = page.next;
  } while (after !== undefined);
}

const told = (output: Context['output'], state: string): number => {
  if (output.isJson) output.json({ state });
  else output.line(state);
  return 0;
};
