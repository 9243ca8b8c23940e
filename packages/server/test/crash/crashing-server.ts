/**
 * The server as a process that kills itself, without a last word, at a named moment of a saga. The moment stands in a
 * file beside the home, which is taken away before the blow: every moment strikes once, also over a restart, and the
 * next can be chosen while the server runs.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import process from 'node:process';
import { startServer } from '../../src/main.ts';

const plan = `${process.env.BERTH_HOME}.crash`;

const crashPoint = (name: string): void => {
  if (!existsSync(plan) || readFileSync(plan, 'utf8') !== name) return;
  rmSync(plan);
  process.kill(process.pid, 'SIGKILL');
};

const server = await startServer({ crashPoint });
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
const { address, socketPath, ownerTokenPath } = server;
process.stdout.write(`${JSON.stringify({ address, socketPath, ownerTokenPath })}\n`);
