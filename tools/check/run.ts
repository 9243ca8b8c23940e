/** Runs a program of node_modules/.bin (or of the PATH) without a terminal. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export interface Ran {
  readonly exitCode: number;
  readonly output: string;
}

export const run = (
  root: string,
  command: string,
  args: readonly string[],
  options: { readonly live?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const path = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, CI: 'true', PATH: path, ...options.env },
      stdio: ['ignore', options.live ? 'inherit' : 'pipe', options.live ? 'inherit' : 'pipe'],
    });
    const parts: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => parts.push(part));
    child.stderr?.on('data', (part: Buffer) => parts.push(part));
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? 1, output: Buffer.concat(parts).toString() }));
  });
