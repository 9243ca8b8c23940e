/** All commands of this machine by id. An id denotes one process for ever: starting it again attaches to it. */
import { join } from 'node:path';
import { GUEST_LIMITS } from '@berth/contract/guest';
import type { GuestExecStart } from '@berth/contract/guest-messages';
import { invalid, Refusal } from '../refusal.ts';
import type { CommandUser } from '../user.ts';
import { type Command, startCommand } from './command.ts';

export interface Commands {
  /** The command of this id, started now unless it already was. */
  start(start: GuestExecStart): Promise<Command>;
  /** Rejects with `exec.missing`. */
  get(id: string): Promise<Command>;
  running(): readonly Command[];
}

export interface CommandEnvironment {
  /** Folder for logs. */
  readonly state: string;
  readonly user: CommandUser;
  readonly env: () => Readonly<Record<string, string>>;
  /** For programs of Berth's own. */
  readonly systemEnv: () => Readonly<Record<string, string>>;
  readonly cwd: (path: string | undefined) => string;
  readonly limits?: RoomLimits;
}

type RoomLimits = Readonly<Record<'liveExecs' | 'execRecords' | 'totalLogBytes', number>>;

export const createCommands = (place: CommandEnvironment): Commands => {
  const { state, user, env, systemEnv, cwd, limits = GUEST_LIMITS } = place;
  const byId = new Map<string, Promise<Command>>();
  const room = createRoom(limits, (command) => byId.delete(command.describe().id));
  let made = 0;

  const begin = async (start: GuestExecStart): Promise<Command> => {
    const lack = room.make();
    if (lack !== undefined) throw notStartable(start, lack);
    const logPath = join(state, `exec-${made++}`);
    const command = await startCommand({
      ...{ start, user, cwd: cwd(start.cwd), logPath },
      env: start.system === true ? systemEnv() : env(),
    });
    room.add(command);
    return command;
  };

  return {
    start: (start) => {
      const known = byId.get(start.id);
      if (known !== undefined) return known;
      checkSize(start);
      const command = begin(start);
      byId.set(start.id, command);
      // A failed start leaves no trace: the caller may retry under the same id.
      command.catch(() => byId.delete(start.id));
      return command;
    },
    get: (id) => byId.get(id) ?? Promise.reject(new Refusal({ code: 'exec.missing', data: { id } })),
    running: () => room.live(),
  };
};

const notStartable = ({ argv }: GuestExecStart, reason: string): Refusal =>
  new Refusal({ code: 'exec.not_startable', data: { command: (argv[0] ?? '').slice(0, 1000), reason } });

const checkSize = ({ id, argv, env = {} }: GuestExecStart): void => {
  const argvBytes = argv.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  const envBytes = Object.entries(env).reduce((sum, [k, v]) => sum + k.length + Buffer.byteLength(v) + 2, 0);
  if (id.length > GUEST_LIMITS.execIdLength) throw invalid('id', 'too long');
  if (argvBytes > GUEST_LIMITS.argvBytes)
    throw invalid('argv', `larger than ${GUEST_LIMITS.argvBytes} bytes`);
  if (envBytes > GUEST_LIMITS.envBytes) throw invalid('env', `larger than ${GUEST_LIMITS.envBytes} bytes`);
};

interface Room {
  /** Makes room for one more command; returns the reason when there is none. */
  make(): string | undefined;
  add(command: Command): void;
  live(): readonly Command[];
}

/**
 * Keeps live commands, records and bytes of output below their caps. Promised output (`all`) and its record are never
 * dropped: when nothing else is left to drop, there is no room.
 */
const createRoom = (limits: RoomLimits, forget: (command: Command) => void): Room => {
  const live = new Set<Command>();
  let ended: Command[] = [];
  let endedBytes = 0;

  const drop = (command: Command): void => {
    endedBytes -= keptBytes(command);
    command.stdout.drop();
    command.stderr.drop();
  };
  const totalBytes = (): number => [...live].reduce((sum, command) => sum + keptBytes(command), endedBytes);
  const forgetOldest = (): void => {
    const oldest = new Set(
      ended.filter(({ keep }) => keep === 'tail').slice(0, Math.ceil(limits.execRecords / 10)),
    );
    for (const command of oldest) {
      drop(command);
      forget(command);
    }
    ended = ended.filter((command) => !oldest.has(command));
  };
  const dropTails = (): void => {
    for (const command of ended) if (command.keep === 'tail') drop(command);
  };
  const retire = (command: Command): void => {
    if (!live.delete(command)) return;
    ended.push(command);
    endedBytes += keptBytes(command);
  };

  return {
    make: () => {
      if (live.size >= limits.liveExecs) return `${live.size} commands are already running`;
      if (ended.length >= limits.execRecords) forgetOldest();
      if (ended.length >= limits.execRecords) return `the output of ${ended.length} commands is already kept`;
      if (totalBytes() >= limits.totalLogBytes) dropTails();
      const left = totalBytes();
      return left < limits.totalLogBytes ? undefined : `${left} bytes of output are already kept`;
    },
    add: (command) => {
      live.add(command);
      const stop = command.onChange(() => {
        if (command.exit === undefined) return;
        stop();
        retire(command);
      });
      if (command.exit !== undefined) retire(command);
    },
    live: () => [...live],
  };
};

const keptBytes = (command: Command): number => command.stdout.keptBytes + command.stderr.keptBytes;
