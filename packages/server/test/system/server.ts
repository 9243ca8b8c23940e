/**
 * The real server as a process of its own, in a home of its own, with a scripted model behind it: what the system tests
 * drive. It may be killed and started again in the same home, which is the point of half of them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { UNENDED_TASK_STATES } from '@berth/contract';
import { type ScriptedModel, type Scripts, startScriptedModel } from '@berth/plugin-api/fakes';
import { type Client, createClient } from '@berth/sdk/node';
import Database from 'better-sqlite3';

const PROGRAM = fileURLToPath(new URL('../../src/program.js', import.meta.url));
const STOP_TIMEOUT_MS = 20_000;

export interface WorldOptions {
  readonly scripts?: Scripts | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What stands in the file `config.json` of the home. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  /** Path of the program that is the server; the real one when absent. */
  readonly program?: string | undefined;
}

/** One installation and all that is around it. */
export interface SystemWorld {
  readonly folder: string;
  readonly home: string;
  readonly model: ScriptedModel;
  /** The key that the model asks for, and only the server may know. */
  readonly modelKey: string;
  readonly env: NodeJS.ProcessEnv;
  readonly client: Client;
  readonly token: string;
  readonly address: string;
  readonly pid: number;
  /** All that the server has written to its standard error since the first start. */
  log(): string;
  /** Starts the server again, after `stop`. */
  start(): Promise<void>;
  /** Ends the server and waits until it is gone. Resolves with its exit code; null by a signal. */
  stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null>;
  /** The bodies of a table's rows, oldest first, read past the server. */
  rows<T>(table: string): readonly T[];
  end(): Promise<void>;
}

export const createWorld = async (options: WorldOptions = {}): Promise<SystemWorld> => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-system-'));
  // Sandboxes run as separate users, who need to traverse this folder.
  chmodSync(folder, 0o711);
  const home = join(folder, 'home');
  mkdirSync(home);
  if (options.config !== undefined) writeFileSync(join(home, 'config.json'), JSON.stringify(options.config));
  const modelKey = `key${randomBytes(16).toString('hex')}`;
  const model = await startScriptedModel({ scripts: options.scripts, requireKey: modelKey });
  const env = {
    ...process.env,
    OPENAI_API_KEY: modelKey,
    OPENAI_BASE_URL: `${model.url}/v1`,
    BERTH_MODEL: 'openai/scripted',
    BERTH_HOME: home,
    BERTH_PORT: '0',
    ...options.env,
  };
  let log = '';
  let running: Running | undefined;
  const start = async () => {
    running = await startProgram(options.program ?? PROGRAM, env, (text) => {
      log += text;
    });
  };
  const stop = async (signal: NodeJS.Signals) => {
    const exitCode = await endProgram(running?.child, signal);
    running = undefined;
    return exitCode;
  };
  const now = (): Running => {
    if (running === undefined) throw new Error('the server is not running');
    return running;
  };
  await start().catch(async (error: unknown) => {
    await model.close();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  return {
    folder,
    home,
    model,
    modelKey,
    env,
    start,
    stop,
    log: () => log,
    get client() {
      return now().client;
    },
    get token() {
      return now().token;
    },
    get address() {
      return now().address;
    },
    get pid() {
      return now().child.pid ?? 0;
    },
    rows: <T>(table: string) => rowsOf<T>(home, table),
    end: async () => {
      // Removing sandboxes is the server's work; a home that is simply deleted would leave their machines behind.
      if (running === undefined) await start();
      await removeSandboxes(now().client);
      await stop('SIGTERM');
      await model.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

interface Running {
  readonly child: ChildProcess;
  readonly client: Client;
  readonly address: string;
  readonly token: string;
}

const startProgram = async (
  program: string,
  env: NodeJS.ProcessEnv,
  onLog: (text: string) => void,
): Promise<Running> => {
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => {
    said += bytes.toString();
    onLog(bytes.toString());
  });
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`the server ended with ${code}: ${said.slice(-4000)}`);
  });
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), exited]);
  exited.catch(() => undefined);
  const { address, ownerTokenPath } = JSON.parse(String(line));
  const token = readFileSync(ownerTokenPath, 'utf8').trim();
  return { child, address, token, client: createClient({ address, token }) };
};

const endProgram = async (
  child: ChildProcess | undefined,
  signal: NodeJS.Signals,
): Promise<number | null> => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null)
    return child?.exitCode ?? null;
  const gone = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(late);
  return child.exitCode;
};

const removeSandboxes = async (client: Client): Promise<void> => {
  const { rows: tasks } = await client.tasks.list({ limit: 200 });
  for (const { id, state } of tasks)
    if (UNENDED_TASK_STATES.includes(state)) await client.tasks.cancel({ id });
  await until('no sandbox is left', async () => {
    const { rows } = await client.sandboxes.list({ limit: 200 });
    const living = rows.filter(({ state }) => state !== 'destroyed');
    for (const { id, state } of living) {
      // One that is still being made is removed by the run that makes it.
      if (state !== 'deleting') await client.sandboxes.remove({ id }).catch(() => undefined);
    }
    return living.length === 0;
  });
};

const rowsOf = <T>(home: string, table: string): readonly T[] => {
  const database = new Database(join(home, 'berth.db'), { readonly: true });
  try {
    const rows = database.prepare(`select body from "${table}" order by createdAt, id`).all();
    return rows.map((row) => JSON.parse((row as { body: string }).body) as T);
  } finally {
    database.close();
  }
};

const POLL_MS = 50;

/** Waits until a condition holds, and names it when it does not in time. */
export const until = async (
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeoutMs = 60_000,
): Promise<void> => {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};
