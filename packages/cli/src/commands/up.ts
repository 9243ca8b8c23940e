/** `berth up`: starts the server, in the foreground or detached. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { clientAt, connectionInHome } from '../connection.ts';
import { isReady, runInForeground, startDetached } from '../server-process.ts';

/** The same flags as the server program. */
const FLAGS = ['port', 'host', 'driver', 'agent'] as const;

export const upCommand = (frame: Frame): Command =>
  leaf(frame, 'up', 'Start the server', (context, { options }) => up(context, options))
    .option('--detach', 'run in the background; return when it accepts work')
    .option('--port <number>', 'port of the HTTP interface; 0 picks a free one')
    .option('--host <address>', 'address to listen on; default: loopback')
    .option('--driver <name>', 'the default sandbox driver')
    .option('--agent <name>', 'the default agent');

const up = async (context: Context, options: Readonly<Record<string, unknown>>): Promise<number> => {
  const { world, output } = context;
  // It applies to a home; an address set for other commands may belong to another server.
  const connection = connectionInHome(world, context.connection);
  // A value that begins with a dash is still a value.
  const flags = FLAGS.flatMap((flag) =>
    options[flag] === undefined ? [] : [`--${flag}=${String(options[flag])}`],
  );
  const settings = { connection, flags };
  if (options.detach !== true) return runInForeground(world, settings);
  const running = (await isReady(connection)) ? connection : await startDetached(world, settings);
  const { address } = await clientAt(running).system.health();
  const facts = { address, socket: running.address, token: join(running.home, 'owner-token') };
  if (output.isJson) output.json(facts);
  else output.facts(facts);
  return 0;
};
