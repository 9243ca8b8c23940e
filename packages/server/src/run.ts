/** Starts the server, prints where it listens, and stops it on the usual signals. */
import { fstatSync } from 'node:fs';
import process from 'node:process';
import { escapeControls, isBerthError, KINDS } from '@berth/contract';
import { fromArguments } from './config/environment.ts';
import { startServer } from './main.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const run = async (): Promise<void> => {
  const server = await startServer({ flags: fromArguments(process.argv.slice(2)), onShutdown: () => stop() });
  const { address, socketPath, ownerTokenPath, config } = server;
  const stop = (): void => {
    server.close().then(() => process.exit(0), end);
  };
  // Never removed: a signal without a listener would kill the process while it is closing.
  for (const signal of SIGNALS) process.on(signal, stop);
  process.stdout.write(`${JSON.stringify({ address, socketPath, ownerTokenPath, home: config.home })}\n`);
};

const end = (error: unknown): never => {
  if (!isBerthError(error)) throw error;
  // A path or a setting may contain terminal control sequences.
  const lines = [`error: ${error.message}`, ...(error.hint === undefined ? [] : [error.hint])];
  for (const line of lines) process.stderr.write(`${escapeControls(line)}\n`);
  // When started in the background, the error goes to the log for the command line that started it.
  if (fstatSync(process.stderr.fd).isFile())
    process.stderr.write(`${JSON.stringify({ error: error.body })}\n`);
  process.exit(KINDS[error.kind].exit);
};

await run().catch(end);
