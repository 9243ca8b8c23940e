/**
 * The `Sandbox` interface over child processes, without isolation: for tests of what works in a sandbox regardless of
 * the driver. Commands get a clean environment; their HOME is a separate folder.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import type { ExecSpec, Process, RunResult, Sandbox } from '../../src/sandbox.ts';
import { createLocalFiles } from './local-files.ts';
import { startLocalProcess } from './local-process.ts';

export interface LocalSandboxOptions {
  /** An existing private folder; `workspace` and `home` are created in it. */
  readonly folder: string;
  readonly id?: string | undefined;
  /** Added to PATH and HOME for every command. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly internalUrl?: string | undefined;
}

export interface LocalSandbox extends Sandbox {
  /** Kills every command that was started. */
  close(): Promise<void>;
}

const MAX_OUTPUT_BYTES = 2 ** 20;
const PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':');

export const createLocalSandbox = async (options: LocalSandboxOptions): Promise<LocalSandbox> => {
  const root = join(options.folder, 'workspace');
  const home = join(options.folder, 'home');
  await mkdir(root, { recursive: true });
  await mkdir(home, { recursive: true });
  const startedAt = performance.now();
  const processes = new Map<string, Promise<Process>>();

  const start = (spec: ExecSpec): Promise<Process> => {
    const running = processes.get(spec.id);
    if (running !== undefined) return running;
    const started = startLocalProcess({
      ...spec,
      cwd: resolve(root, spec.cwd ?? '.'),
      env: { PATH, HOME: home, ...options.env, ...spec.env },
    });
    processes.set(spec.id, started);
    started.catch(() => processes.delete(spec.id));
    return started;
  };

  return {
    id: options.id ?? 'sb_local',
    root,
    home,
    internalUrl: options.internalUrl ?? 'http://127.0.0.1:9',
    start,
    attach: async (execId) => processes.get(execId),
    async endCommands(idPrefix) {
      for (const [id, started] of processes)
        if (id.startsWith(idPrefix)) await (await started).signal('SIGKILL');
    },
    run: async (spec, signal) => runToEnd(await start(spec), spec, signal),
    files: createLocalFiles(root),
    connectPort: async (port) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      await once(socket, 'connect');
      return socket;
    },
    metrics: async () => ({ uptimeMs: Math.round(performance.now() - startedAt) }),
    async close() {
      for (const started of await Promise.allSettled(processes.values()))
        if (started.status === 'fulfilled') await started.value.signal('SIGKILL');
    },
  };
};

const runToEnd = async (
  process: Process,
  spec: { readonly stdin?: string | undefined; readonly maxOutputBytes?: number | undefined },
  signal: AbortSignal | undefined,
): Promise<RunResult> => {
  if (spec.stdin !== undefined) await process.write(0, Buffer.from(spec.stdin));
  await process.closeInput();
  const cap = spec.maxOutputBytes ?? MAX_OUTPUT_BYTES;
  const texts = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  let truncated = false;
  for await (const chunk of process.output(undefined, signal)) {
    if (chunk.kind === 'exit')
      return { ...chunk.exit, stdout: `${texts.stdout}`, stderr: `${texts.stderr}`, truncated };
    if (chunk.kind === 'lagged') truncated = true;
    else {
      const all = Buffer.concat([texts[chunk.stream], chunk.bytes]);
      truncated ||= all.length > cap;
      texts[chunk.stream] = all.subarray(0, cap);
    }
  }
  return assert.fail('the output of a process ends with its exit');
};
