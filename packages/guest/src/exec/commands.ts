/** All commands of this machine by id. An id means one process for ever: to start it again is to attach to it. */
import { join } from 'node:path';
import { GUEST_LIMITS } from '@berth/contract/guest';
import type { GuestExecStart } from '@berth/contract/guest-messages';
import { invalid, Refusal } from '../refusal.ts';
import { type Command, startCommand } from './command.ts';

export interface Commands {
  /** The command of this id, started now unless it was before. */
  start(start: GuestExecStart): Promise<Command>;
  /** Throws `exec.missing`. */
  get(id: string): Promise<Command>;
  list(): Promise<Command[]>;
}

export interface CommandsPlace {
  /** Folder for logs. */
  readonly state: string;
  readonly env: () => Readonly<Record<string, string>>;
  readonly cwd: (path: string | undefined) => string;
}

export const createCommands = ({ state, env, cwd }: CommandsPlace): Commands => {
  const byId = new Map<string, Promise<Command>>();
  const started: Command[] = [];
  let made = 0;

  const begin = async (start: GuestExecStart): Promise<Command> => {
    makeRoom(started, byId, start);
    const logPath = join(state, `exec-${made++}`);
    const command = await startCommand({ start, cwd: cwd(start.cwd), env: env(), logPath });
    started.push(command);
    return command;
  };

  return {
    start: (start) => {
      const known = byId.get(start.id);
      if (known !== undefined) return known;
      checkSize(start);
      const command = begin(start);
      byId.set(start.id, command);
      // What could not be started leaves no trace: the caller may try again under the same id.
      command.catch(() => byId.delete(start.id));
      return command;
    },
    get: (id) => byId.get(id) ?? Promise.reject(new Refusal({ code: 'exec.missing', data: { id } })),
    list: async () => [...started],
  };
};

const checkSize = ({ id, argv, env = {} }: GuestExecStart): void => {
  const argvBytes = argv.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  const envBytes = Object.entries(env).reduce((sum, [k, v]) => sum + k.length + Buffer.byteLength(v) + 2, 0);
  if (id.length > GUEST_LIMITS.execIdLength) throw invalid('id', 'too long');
  if (argvBytes > GUEST_LIMITS.argvBytes)
    throw invalid('argv', `larger than ${GUEST_LIMITS.argvBytes} bytes`);
  if (envBytes > GUEST_LIMITS.envBytes) throw invalid('env', `larger than ${GUEST_LIMITS.envBytes} bytes`);
};

/** Drops output of ended commands that nobody was promised, and the oldest records; refuses when that is not enough. */
const makeRoom = (started: Command[], byId: Map<string, unknown>, start: GuestExecStart): void => {
  const refuse = (reason: string): never => {
    throw new Refusal({
      code: 'exec.not_startable',
      data: { command: (start.argv[0] ?? '').slice(0, 1000), reason },
    });
  };
  if (started.length >= GUEST_LIMITS.execRecords) {
    const oldest = started.findIndex((command) => command.exit !== undefined);
    for (const command of oldest < 0 ? [] : started.splice(oldest, 1)) {
      command.stdout.drop();
      command.stderr.drop();
      byId.delete(command.describe().id);
    }
  }
  const live = started.filter((command) => command.exit === undefined).length;
  if (live >= GUEST_LIMITS.liveExecs) refuse(`${live} commands run already`);
  let kept = started.reduce((sum, command) => sum + keptBytes(command), 0);
  for (const command of started) {
    if (kept < GUEST_LIMITS.totalLogBytes) return;
    if (command.exit === undefined || command.keep === 'all') continue;
    kept -= keptBytes(command);
    command.stdout.drop();
    command.stderr.drop();
  }
  if (kept >= GUEST_LIMITS.totalLogBytes) refuse(`${kept} bytes of output are kept already`);
};

const keptBytes = (command: Command): number => command.stdout.keptBytes + command.stderr.keptBytes;
