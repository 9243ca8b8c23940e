/** `berth up`: the server, in the foreground or detached. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { clientAt, placeInHome } from '../connection.ts';
import { isReady, runInForeground, startDetached } from '../server-process.ts';

/** Those of the server's program, too. */
const FLAGS = ['port', 'host', 'driver', 'agent'] as const;

export const upCommand = (frame: Frame): Command =>
  leaf(frame, 'up', 'Start the server', (context, { options }) => up(context, options))
    .option('--detach', 'in the background; returns when it takes work')
    .option('--port <number>', 'of the HTTP interface; 0 is any free one')
    .option('--host <address>', 'to listen on; loopback when absent')
    .option('--driver <name>', 'what sandboxes are made by when nobody says')
    .option('--agent <name>', 'who works when nobody says');

const up = async (context: Context, options: Readonly<Record<string, unknown>>): Promise<number> => {
  const { world, output } = context;
  // It is about a home; an address that is set for other commands may be of another server.
  const place = placeInHome(world, context.place);
  // A value that begins with a dash stays a value.
  const flags = FLAGS.flatMap((flag) =>
    options[flag] === undefined ? [] : [`--${flag}=${String(options[flag])}`],
  );
  const settings = { place, flags };
  if (options.detach !== true) return runInForeground(world, settings);
  const running = (await isReady(place)) ? place : await startDetached(world, settings);
  const { address } = await clientAt(running).system.health();
  const facts = { address, socket: running.address, token: join(running.home, 'owner-token') };
  if (output.isJson) output.json(facts);
  else output.facts(facts);
  return 0;
};
