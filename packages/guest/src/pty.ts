/**
 * Terminals. The native module is loaded on first use. Output is kept up to `scrollbackBytes`, so that a client that
 * reattaches sees the previous screen.
 */
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { EXEC_MARKER, GUEST_LIMITS, GUEST_PATHS } from '@berth/contract/guest';
import type { GuestPty, GuestPtyStart } from '@berth/contract/guest-messages';
import type { IPty } from '@lydell/node-pty';
import { queryCount, type Route, readJson } from './control.ts';
import { killTree } from './exec/tree.ts';
import { createPtyInput } from './pty-input.ts';
import { invalid, messageOf, Refusal } from './refusal.ts';
import type { CommandUser, Program } from './user.ts';

export interface TerminalEnvironment {
  /** Folder of the native module. */
  readonly module: string | undefined;
  readonly user: CommandUser;
  readonly env: () => Readonly<Record<string, string>>;
  readonly cwd: (path: string | undefined) => string;
}

export const ptyRoutes = (place: TerminalEnvironment): Route[] => {
  const byId = new Map<string, Terminal>();
  const get = (id: string | undefined): Terminal => {
    const terminal = byId.get(id ?? '');
    if (terminal === undefined) throw new Refusal({ code: 'exec.missing', data: { id: id ?? '' } });
    return terminal;
  };
  return [
    {
      method: 'POST',
      path: GUEST_PATHS.ptys,
      handle: async ({ stream }) => {
        const start = await readJson<GuestPtyStart>(stream);
        const known = byId.get(start.id);
        if (known !== undefined) return known.describe();
        forgetEnded(byId);
        if (byId.size >= GUEST_LIMITS.livePtys)
          throw notStartable(`${byId.size} terminals are already running`);
        const terminal = openTerminal(place, start);
        byId.set(start.id, terminal);
        return terminal.describe();
      },
    },
    { method: 'GET', path: `${GUEST_PATHS.pty}*`, handle: ({ names: [id] }) => get(id).describe() },
    {
      method: 'POST',
      path: `${GUEST_PATHS.pty}*/attach`,
      handle: ({ names: [id], stream }) => {
        const terminal = get(id);
        stream.respond({ ':status': 200 });
        terminal.attach(stream);
        return undefined;
      },
    },
    {
      method: 'POST',
      path: `${GUEST_PATHS.pty}*/size`,
      handle: ({ names: [id], query }) => {
        get(id).resize(side(queryCount(query, 'columns', 80)), side(queryCount(query, 'rows', 24)));
        return {};
      },
    },
    {
      method: 'DELETE',
      path: `${GUEST_PATHS.pty}*`,
      handle: ({ names: [id] }) => {
        get(id).kill();
        return {};
      },
    },
  ];
};

const side = (count: number): number => {
  if (count < 1 || count > 1000) throw invalid('size', 'from 1 to 1000');
  return count;
};

/** Ended terminals are kept until room is needed. */
const forgetEnded = (byId: Map<string, Terminal>): void => {
  if (byId.size < GUEST_LIMITS.livePtys) return;
  for (const [id, terminal] of byId) if (terminal.describe().exit !== undefined) byId.delete(id);
};

const notStartable = (reason: string): Refusal =>
  new Refusal({ code: 'exec.not_startable', data: { command: 'terminal', reason } });

interface Terminal {
  describe(): GuestPty;
  attach(stream: Duplex): void;
  resize(columns: number, rows: number): void;
  kill(): void;
}

const openTerminal = (place: TerminalEnvironment, start: GuestPtyStart): Terminal => {
  const pty = spawnPty(place, start);
  const input = createPtyInput({ fd: pty.fd, isClosed: () => pty._socket.destroyed });
  const events = new EventEmitter().setMaxListeners(0);
  const scrollback: Buffer[] = [];
  let kept = 0;
  let exit: GuestPty['exit'];
  // With a null encoding the module returns buffers, despite its types.
  pty.onData((data: string | Buffer) => {
    const bytes = Buffer.from(data as string);
    keepPiece(scrollback, bytes);
    kept += bytes.length;
    while (kept > GUEST_LIMITS.scrollbackBytes && scrollback.length > 1)
      kept -= scrollback.shift()?.length ?? 0;
    events.emit('bytes', bytes);
  });
  pty.onExit(({ exitCode, signal }) => {
    exit = signal ? { exitCode: null, signal: nameOf(signal) } : { exitCode };
    events.emit('exit');
  });
  return {
    describe: () => ({ id: start.id, pid: pty.pid, ...(exit === undefined ? {} : { exit }) }),
    attach: (stream) => {
      stream.write(Buffer.concat(scrollback));
      if (exit !== undefined) return void stream.end();
      const show = (bytes: Buffer): void => {
        // A reader that cannot keep up is disconnected; it reattaches and starts with the scrollback.
        if (stream.writableLength > GUEST_LIMITS.scrollbackBytes) stream.destroy();
        else stream.write(bytes);
      };
      const end = (): void => void stream.end();
      events.on('bytes', show).once('exit', end);
      stream.once('close', () => events.off('bytes', show).off('exit', end));
      stream.on('data', (bytes: Buffer) => {
        // What the terminal has no room for stays with who types it.
        stream.pause();
        void input.write(bytes).then(() => stream.resume());
      });
    },
    resize: (columns, rows) => {
      if (exit === undefined) pty.resize(columns, rows);
    },
    kill: () =>
      place.user.as(() => killTree({ execId: start.id, pid: exit === undefined ? pty.pid : undefined })),
  };
};

/** A program may write byte by byte; chunks are merged so that the list stays short and cheap to trim. */
const keepPiece = (pieces: Buffer[], bytes: Buffer): void => {
  const last = pieces.at(-1);
  if (last !== undefined && last.length + bytes.length <= PIECE_BYTES)
    pieces[pieces.length - 1] = Buffer.concat([last, bytes]);
  else pieces.push(bytes);
};

const PIECE_BYTES = 4096;

/** The module returns numbers. */
const nameOf = (signal: number): string =>
  Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `SIG${signal}`;

type Spawn = typeof import('@lydell/node-pty').spawn;

/** What the module has and gives no types for: the name of the device, its descriptor, and what closes that. */
interface Device extends IPty {
  readonly ptsName?: string;
  readonly fd: number;
  readonly _socket: Readonly<Pick<Duplex, 'destroyed'>>;
}

const spawnPty = ({ module, user, env, cwd }: TerminalEnvironment, start: GuestPtyStart): Device => {
  if (module === undefined) throw notStartable('this sandbox has no terminal module');
  const folder = cwd(start.cwd);
  const { uid } = user;
  const [file = '', ...rest] = uid === undefined ? start.argv : user.argv(entering(folder, start.argv));
  try {
    const { spawn } = createRequire(join(module, 'package.json'))(module) as { spawn: Spawn };
    const pty = user.starting(() =>
      spawn(file, rest, {
        name: 'xterm-256color',
        cols: side(start.columns),
        rows: side(start.rows),
        cwd: uid === undefined ? folder : '/',
        env: { ...env(), ...start.env, TERM: 'xterm-256color', [EXEC_MARKER]: start.id },
        encoding: null,
      }),
    ) as Device;
    if (pty.ptsName !== undefined) user.give(pty.ptsName);
    return pty;
  } catch (error) {
    throw error instanceof Refusal ? error : notStartable(messageOf(error));
  }
};

/** The module changes directory before it switches users; a folder only that user may enter needs a shell. */
const entering = (folder: string, argv: readonly string[]): Program => ({
  path: '/bin/sh',
  argv: ['/bin/sh', '-c', 'cd -- "$0" && exec "$@"', folder, ...argv],
});
