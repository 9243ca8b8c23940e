/**
 * The guest protocol: what the server and the small program inside every sandbox say to each other.
 *
 * The guest listens on one Unix socket; a driver hands the server raw connections to it. The server's first line on a
 * connection says what it is for, the guest answers with one line, and from then on both speak HTTP/2:
 *
 *   control   the server is the HTTP/2 client: it runs commands, terminals, files, and reaches ports inside.
 *   uplink    the roles are reversed, the guest is the client: what programs inside ask of the loopback proxy and of
 *             `berth.internal` is forwarded to the server, which decides. Nothing else leaves a sandbox.
 *
 * This file holds data alone and does not load zod, because it is bundled into the guest, whose start is part of the
 * start of every sandbox. The schemas that the server checks a guest's answers with are in `guest-messages.ts`.
 */

/** Grows with every change that a server or a guest of the version before does not understand. */
export const GUEST_VERSION = 2;

/** First line on a connection, written by the server. */
export const PREFACE = {
  control: `BERTH/${GUEST_VERSION} control\n`,
  uplink: `BERTH/${GUEST_VERSION} uplink\n`,
} as const;
export type ConnectionPurpose = keyof typeof PREFACE;

/** The guest's answer: this line, or `REFUSED_PREFIX`, a sentence and a line feed, after which it hangs up. */
export const ACCEPTED = `BERTH/${GUEST_VERSION} ok\n`;
export const REFUSED_PREFIX = `BERTH/${GUEST_VERSION} refused `;
/** How every answer begins, of whatever version. */
export const ANSWER_PATTERN = /^BERTH\/(\d{1,9}) /;
export const MAX_PREFACE_BYTES = 256;

/**
 * Requests on a control connection. Bodies and answers are JSON unless said otherwise; a refusal is a status of 400 or
 * more with a `GuestRefusal` body. `CONNECT 127.0.0.1:<port>` reaches a port inside.
 */
export const GUEST_PATHS = {
  /** GET → `GuestHealth` */
  health: '/health',
  /** GET → `SandboxMetrics` */
  metrics: '/metrics',
  /** GET → `GuestExecList`: those that have not ended. POST `GuestExecStart` → exec frames when it follows, else `GuestExec`. */
  execs: '/execs',
  /**
   * GET `/execs/<id>` → `GuestExec`; GET `…/output?stdout=<cursor>&stderr=<cursor>` → exec frames;
   * PUT `…/input?offset=<bytes>` raw bytes → `GuestInput`; POST `…/close-input`; POST `…/signal?name=SIGTERM`;
   * POST `…/release`: a command that was started `held` begins; no difference to one that is under way or has ended.
   */
  exec: '/execs/',
  /** POST `GuestPtyStart` → `GuestPty` */
  ptys: '/ptys',
  /**
   * POST `/ptys/<id>/attach`: raw bytes both ways, beginning with what is left of the scrollback, ending with the
   * process; GET `/ptys/<id>` → `GuestPty`; POST `…/size?columns=&rows=`; DELETE `/ptys/<id>`.
   */
  pty: '/ptys/',
  /** GET `?path=&maxBytes=` → raw bytes; PUT `?path=&mode=` raw bytes → `GuestWritten` */
  content: '/files/content',
  /** GET `?path=` → `GuestEntries` */
  list: '/files/list',
  /** GET `?path=` → `FileEntry` */
  stat: '/files/stat',
  /** POST `?path=` */
  folder: '/files/folder',
  /** POST `?from=&to=` */
  rename: '/files/rename',
  /** POST `?path=` */
  remove: '/files/remove',
  /** GET `?path=` → a line of JSON (`GuestFileChange`) for every change, until the reader hangs up */
  watch: '/files/watch',
} as const;

/** Names in requests that a guest forwards over the uplink for `http://berth.internal`. */
export const INTERNAL_AUTHORITY = 'berth.internal';
/** On every answer that the guest, not the server, gave to a program inside: why. */
export const REASON_HEADER = 'berth-reason';

/**
 * Exec frames: the output of a command as one byte stream. A frame is a header of 13 bytes (kind: 1, length of the
 * payload: 4, cursor: 8; big endian), then the payload. The cursor of an output frame is the offset of its first byte
 * in its stream; of a lagged frame, the offset at which reading goes on. `started` and `exit` carry JSON (`GuestExec`,
 * `GuestExit`). `exit` is last.
 */
export const FRAME = { started: 0, stdout: 1, stderr: 2, laggedStdout: 3, laggedStderr: 4, exit: 5 } as const;
export const FRAME_HEADER_BYTES = 13;

export interface FrameHeader {
  readonly kind: number;
  readonly lengthBytes: number;
  readonly cursor: number;
}

export const encodeFrameHeader = ({ kind, lengthBytes, cursor }: FrameHeader): Uint8Array => {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, kind);
  view.setUint32(1, lengthBytes);
  view.setUint32(5, Math.floor(cursor / 2 ** 32));
  view.setUint32(9, cursor % 2 ** 32);
  return bytes;
};

/** `bytes` holds at least `FRAME_HEADER_BYTES`. What it says is not checked. */
export const decodeFrameHeader = (bytes: Uint8Array): FrameHeader => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES);
  return {
    kind: view.getUint8(0),
    lengthBytes: view.getUint32(1),
    cursor: view.getUint32(5) * 2 ** 32 + view.getUint32(9),
  };
};

/** Every cap of the protocol. The guest keeps to them; the server refuses a guest that does not. */
export const GUEST_LIMITS = {
  /** A Unix socket path, without its final zero byte, on Linux. */
  socketPathBytes: 107,
  /** A JSON body or answer. */
  jsonBytes: 4 * 2 ** 20,
  headerBytes: 16 * 2 ** 10,
  headerPairs: 64,
  framePayloadBytes: 64 * 2 ** 10,
  /** Output kept of a command with `keep: 'all'`, both streams together; then what was read makes room, or it waits. */
  keepAllBytes: 64 * 2 ** 20,
  /** Output surely kept of each stream with `keep: 'tail'`; up to twice as much is there. */
  keepTailBytes: 4 * 2 ** 20,
  /** Output kept of all commands; beyond, that of ended `tail` commands is dropped, oldest first. */
  totalLogBytes: 512 * 2 ** 20,
  liveExecs: 256,
  /** Ended commands whose exit is remembered. */
  execRecords: 20_000,
  execIdLength: 200,
  argvBytes: 128 * 2 ** 10,
  envBytes: 1024 * 2 ** 10,
  pathBytes: 4096,
  fileBytes: 256 * 2 ** 20,
  folderEntries: 20_000,
  inputBytes: 2 ** 20,
  livePtys: 32,
  scrollbackBytes: 256 * 2 ** 10,
  watches: 16,
  watchBacklog: 1000,
  /** Of one watch. */
  watchedFolders: 10_000,
  /**
   * Connections of programs inside to the proxy and to `berth.internal`, each. What the guest holds of them, about 128 KiB
   * of one, has to fit into the memory that is kept from commands.
   */
  outwardConnections: 128,
  outwardIdleMs: 15 * 60_000,
  /** How long a request waits for an uplink while the server restarts. */
  uplinkWaitMs: 10_000,
  tunnelIdleMs: 60 * 60_000,
  connectMs: 10_000,
  prefaceMs: 10_000,
  /** Between TERM and KILL of a command that timed out. */
  killAfterMs: 2_000,
  /** What has not taken on its program by then is ended: another command stops it on its way. */
  execBeginMs: 5_000,
  /** Processes that wait to become commands. */
  spareStarters: 2,
  /** Another is made when so long nothing was started, or after a command has ended. */
  spareAfterStartMs: 10,
  spareAfterEndMs: 1,
  /** One that has not read its command by then is ended, and the command is another's. */
  spareTakeMs: 1_000,
  /** How long the pipes of a command that ended may stay open before its output counts as complete. */
  drainMs: 500,
} as const;

/** Set in every command that the guest starts, so that its descendants are found wherever they moved. */
export const EXEC_MARKER = 'BERTH_EXEC';

/** How a driver configures the guest: its environment, by `guestEnvironment`. None of these reach commands. */
export const GUEST_ENV = {
  /** Absolute path of the Unix socket to listen on, at most `socketPathBytes` long. An old one is replaced. */
  socket: 'BERTH_GUEST_SOCKET',
  /** Folder of the repositories. Made when absent, and given to the user of commands. */
  root: 'BERTH_GUEST_ROOT',
  /** The same. */
  home: 'BERTH_GUEST_HOME',
  /** Folder for logs of commands, private to the guest. Made when absent. `READY_FILE` appears in it. */
  state: 'BERTH_GUEST_STATE',
  id: 'BERTH_GUEST_ID',
  /**
   * Number of the user that commands run as and file requests are done as; the guest's own when absent. Their group is
   * the guest's. The guest needs CAP_SETUID to become that user, and CAP_CHOWN to give it root, home and terminals.
   */
  user: 'BERTH_GUEST_USER',
  /** Port of `http://berth.internal` on loopback; 0 = any free. 80 when absent. */
  internalPort: 'BERTH_GUEST_INTERNAL_PORT',
  /** Port of the forward proxy on loopback; 0 = any free. 3128 when absent. */
  proxyPort: 'BERTH_GUEST_PROXY_PORT',
  /** Folder of the native terminal module; no terminals when absent. */
  pty: 'BERTH_GUEST_PTY',
  /** `1`: file requests stay below root and home. For drivers without a wall of their own. */
  confined: 'BERTH_GUEST_CONFINED',
} as const;

/**
 * A variable of this name and another after it reaches commands alone, under that other name. What the guest is started
 * with decides what it loads and where it finds programs, so nothing that somebody else chose is there under its own name.
 */
const COMMAND_ENV_PREFIX = 'BERTH_COMMAND_ENV_';

/** What a driver starts the guest with: `own` for the guest and commands, `commands` for these alone, where it wins. */
export const guestEnvironment = (
  own: Readonly<Record<string, string>>,
  commands: Readonly<Record<string, string>>,
): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(commands).map(([name, value]) => [`${COMMAND_ENV_PREFIX}${name}`, value]),
  ),
  ...own,
});

/** Takes apart what the guest was started with, without `GUEST_ENV`. */
export const readGuestEnvironment = (env: Readonly<Record<string, string | undefined>>) => {
  const guests = new Set<string>(Object.values(GUEST_ENV));
  const own: Record<string, string> = {};
  const commands: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || guests.has(name)) continue;
    if (name.startsWith(COMMAND_ENV_PREFIX)) commands[name.slice(COMMAND_ENV_PREFIX.length)] = value;
    else own[name] = value;
  }
  return { own, commands: { ...own, ...commands } };
};

/**
 * JSON `{ pid, internalPort, proxyPort }` in the state folder, written before the guest listens: when a connection
 * succeeds, it is there.
 */
export const READY_FILE = 'ready.json';

/**
 * The argument vector of the guest.
 *
 * Its HTTP/2 loads Node's TLS, which reads every root certificate at once, in case a connection wants them; the guest
 * makes none. With the system's store they are read when the first one does: never. No signal opens a debugger.
 */
export const guestCommand = (node: string, bundle: string, ...rest: readonly string[]): string[] => [
  node,
  '--use-openssl-ca',
  '--disable-sigusr1',
  bundle,
  ...rest,
];

/**
 * The argument vector for PID 1 of a machine: a shell that starts the guest and waits for it.
 *
 * A process whose parent ended is handed to PID 1, which must collect it or it stays a zombie and holds a place in the
 * limit of processes for ever. Node collects only children that it started itself, so the guest cannot be PID 1. A
 * POSIX shell in `wait` collects every child, also those it never started. When the guest ends the shell ends, and the
 * kernel kills all that is left in the namespace.
 */
export const initCommand = (guestArgv: readonly string[]): string[] => [
  '/bin/sh',
  '-c',
  '"$@" & wait $!',
  'berth-init',
  ...guestArgv,
];
