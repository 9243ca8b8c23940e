/**
 * The guest protocol: spoken between the server and the small program inside every sandbox.
 *
 * The guest listens on one Unix socket; a driver hands the server raw connections to it. The server's first line on a
 * connection states its purpose, the guest answers with one line, and from then on both speak HTTP/2:
 *
 *   control   the server is the HTTP/2 client: it runs commands, terminals, files, and reaches ports inside.
 *   uplink    the roles are reversed, the guest is the client: requests of programs inside to the loopback proxy and to
 *             `berth.internal` are forwarded to the server, which decides. Nothing else leaves a sandbox.
 *
 * This file is pure data and does not load zod: it is bundled into the guest, whose start-up is part of the start-up
 * of every sandbox. The schemas the server validates a guest's answers with are in `guest-messages.ts`.
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
   * GET `/execs/<id>` → `GuestExec`; GET `…/output?stdout=<cursor>&stderr=<cursor>` → exec frames; PUT
   * `…/input?offset=<bytes>` raw bytes → `GuestInput`; POST `…/close-input`; POST `…/signal?name=SIGTERM`; POST
   * `…/release`: starts a `held` command; no effect on one that is running or has ended.
   */
  exec: '/execs/',
  /** POST `GuestPtyStart` → `GuestPty` */
  ptys: '/ptys',
  /**
   * POST `/ptys/<id>/attach`: raw bytes both ways, starting with the remaining scrollback, ending with the process;
   * GET `/ptys/<id>` → `GuestPty`; POST `…/size?columns=&rows=`; DELETE `/ptys/<id>`.
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
/** Set on every answer to a program inside that came from the guest, not the server: the reason. */
export const REASON_HEADER = 'berth-reason';

/**
 * Exec frames: the output of a command as one byte stream. A frame is a header of 13 bytes (kind: 1, length of the
 * payload: 4, cursor: 8; big endian), then the payload. The cursor of an output frame is the offset of its first byte
 * in its stream; of a lagged frame, the offset at which reading resumes. `started` and `exit` carry JSON
 * (`GuestExec`, `GuestExit`). `exit` is last.
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

/** `bytes` holds at least `FRAME_HEADER_BYTES`. Its contents are not validated. */
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
  /** A Unix socket path, without its trailing zero byte, on Linux. */
  socketPathBytes: 107,
  /** A JSON body or answer. */
  jsonBytes: 4 * 2 ** 20,
  headerBytes: 16 * 2 ** 10,
  headerPairs: 64,
  framePayloadBytes: 64 * 2 ** 10,
  /**
   * Output kept of a command with `keep: 'all'`, both streams together; beyond it, output already read is dropped, or
   * the command blocks.
   */
  keepAllBytes: 64 * 2 ** 20,
  /** Output guaranteed to be kept per stream with `keep: 'tail'`; up to twice as much may be held. */
  keepTailBytes: 4 * 2 ** 20,
  /** Output kept of all commands; beyond, that of ended `tail` commands is dropped, oldest first. */
  totalLogBytes: 512 * 2 ** 20,
  liveExecs: 256,
  /** Ended commands whose exit is remembered; beyond, that of `tail` commands is forgotten, oldest first. */
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
  /** Per watch. */
  watchedFolders: 10_000,
  /**
   * Connections from programs inside, to the proxy and to `berth.internal` each. The guest buffers about 128 KiB per
   * connection, which must fit into the memory reserved from commands.
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
  /** A process that has not exec'd its program by then is killed: another command is interfering with it. */
  execBeginMs: 5_000,
  /** Spare processes waiting for a command. */
  spareStarters: 2,
  /** Another is forked after this long without a start, or after a command has ended. */
  spareAfterStartMs: 10,
  spareAfterEndMs: 1,
  /** One that has not read its command by then is killed, and the command goes to another. */
  spareTakeMs: 1_000,
  /** How long the pipes of a command that ended may stay open before its output counts as complete. */
  drainMs: 500,
} as const;

/** Set in every command that the guest starts, so that its descendants can be found wherever they moved. */
export const EXEC_MARKER = 'BERTH_EXEC';

/** How a driver configures the guest: its environment, by `guestEnvironment`. None of these reach commands. */
export const GUEST_ENV = {
  /** Absolute path of the Unix socket to listen on, at most `socketPathBytes` long. A stale one is replaced. */
  socket: 'BERTH_GUEST_SOCKET',
  /** Folder of the repositories. Created when absent, and given to the user of commands. */
  root: 'BERTH_GUEST_ROOT',
  /** The same. */
  home: 'BERTH_GUEST_HOME',
  /** Folder for logs of commands, private to the guest. Created when absent. `READY_FILE` appears in it. */
  state: 'BERTH_GUEST_STATE',
  id: 'BERTH_GUEST_ID',
  /**
   * Uid that commands and file requests run as; the guest's own when absent. Their group is the guest's. The guest
   * needs CAP_SETUID to become that user, and CAP_CHOWN to give it root, home and terminals.
   */
  user: 'BERTH_GUEST_USER',
  /** Port of `http://berth.internal` on loopback; 0 = any free. 80 when absent. */
  internalPort: 'BERTH_GUEST_INTERNAL_PORT',
  /** Port of the forward proxy on loopback; 0 = any free. 3128 when absent. */
  proxyPort: 'BERTH_GUEST_PROXY_PORT',
  /** Folder of the native terminal module; no terminals when absent. */
  pty: 'BERTH_GUEST_PTY',
  /** `1`: file requests stay below root and home. For drivers that do not isolate the file system. */
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
 * JSON `{ pid, internalPort, proxyPort }` in the state folder, written before the guest listens: once a connection
 * succeeds, it exists.
 */
export const READY_FILE = 'ready.json';

/**
 * The argument vector of the guest.
 *
 * HTTP/2 loads Node's TLS, which eagerly parses every bundled root certificate, though the guest makes no TLS
 * connection. With the system store they are read on first use: never. No signal opens a debugger.
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
 * A process whose parent ended is reparented to PID 1, which must reap it, or it stays a zombie and counts against
 * the process limit for ever. Node reaps only children that it started itself, so the guest cannot be PID 1. A POSIX
 * shell in `wait` reaps every child, including those it never started. When the guest ends, the shell ends, and the
 * kernel kills everything left in the namespace.
 */
export const initCommand = (guestArgv: readonly string[]): string[] => [
  '/bin/sh',
  '-c',
  '"$@" & wait $!',
  'berth-init',
  ...guestArgv,
];

const HOP_BY_HOP: readonly string[] = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/**
 * The headers that a proxy passes on: none that concern one connection only (RFC 9110 §7.6.1), which HTTP/2 forbids, no
 * pseudo-headers of HTTP/2, and none of `more`.
 */
export const endToEnd = (
  headers: Readonly<Record<string, string | string[] | undefined>>,
  more: readonly string[],
): Record<string, string | string[]> => {
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(',');
  const dropped = new Set([...HOP_BY_HOP, ...more, ...named.map((name) => name.trim())]);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !name.startsWith(':') && !dropped.has(name)) kept[name] = value;
  return kept;
};
