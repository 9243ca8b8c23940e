/** `berth up`: the server, in the foreground or detached. */
import type { Command } from 'commander';
import { type Context, type Frame, leaf } from '../command.ts';
import { isReady, startDetached, startInForeground } from '../server-process.ts';

const FLAGS = {
  port: 'BERTH_PORT',
  host: 'BERTH_HOST',
  driver: 'BERTH_DRIVER',
  agent: 'BERTH_AGENT',
} as const;

export const upCommand = (frame: Frame): Command =>
  leaf(frame, 'up', 'Start the server', (context, { options }) => up(context, options))
    .option('--detach', 'in the background; returns when it takes work')
    .option('--port <number>', 'of the HTTP interface; 0 is any free one')
    .option('--host <address>', 'to listen on; loopback when absent')
    .option('--driver <name>', 'what sandboxes are made by when nobody says')
    .option('--agent <name>', 'who works when nobody says');

const up = async (context: Context, options: Readonly<Record<string, unknown>>): Promise<number> => {
  const { world, place, output } = context;
  const given = Object.entries(FLAGS).flatMap(([flag, name]) =>
    options[flag] === undefined ? [] : [[name, String(options[flag])]],
  );
  const settings = { home: place.home, env: Object.fromEntries(given) };
  if (options.detach !== true) return inForeground(context, settings);
  const running = (await isReady(place)) ? place : await startDetached(world, settings);
  const facts = { address: running.address, home: running.home };
  if (output.isJson) output.json(facts);
  else output.facts(facts);
  return 0;
};

/** Lives as long as the server; Ctrl-C reaches it through the terminal, and we wait for its end. */
const inForeground = ({ world }: Context, settings: Parameters<typeof startInForeground>[1]) =>
  new Promise<number>((resolve, reject) => {
    const forget = world.onInterrupt(() => undefined);
    const child = startInForeground(world, settings);
    child.once('error', reject);
    child.once('exit', (code) => {
      forget();
      resolve(code ?? 1);
    });
  });
