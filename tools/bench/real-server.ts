/** The server as users run it: a separate process, with a temporary home. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, createClient } from '@berth/sdk/node';
import { serverArguments } from '../../packages/cli/src/server-process.ts';

const MAX_SANDBOXES = '200';

export interface RealServer extends AsyncDisposable {
  readonly client: Client;
  readonly home: string;
  readonly pid: number;
  /** From process start to the line that prints its address, when it accepts work. */
  readonly readyMs: number;
}

export const startRealServer = async (): Promise<RealServer> => {
  const home = mkdtempSync(join(tmpdir(), 'berth-bench-'));
  chmodSync(home, 0o711);
  const startedAt = performance.now();
  const child = spawn(process.execPath, serverArguments(), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      BERTH_HOME: home,
      BERTH_PORT: '0',
      BERTH_LOG_LEVEL: 'error',
      BERTH_MAX_SANDBOXES: MAX_SANDBOXES,
    },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const told = await Promise.race([firstLine(child.stdout), ended]);
  const readyMs = performance.now() - startedAt;
  if (told === undefined) throw new Error('the server exited before it was ready');
  const { address, ownerTokenPath } = JSON.parse(told);
  const token = readFileSync(ownerTokenPath, 'utf8').trim();
  return {
    client: createClient({ address, token }),
    home,
    pid: child.pid ?? 0,
    readyMs,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
};

const firstLine = (stream: NodeJS.ReadableStream): Promise<string> =>
  new Promise((resolve) => createInterface({ input: stream }).once('line', resolve));
