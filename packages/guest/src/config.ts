/** The driver's configuration of this machine, read once from the environment; see `GUEST_ENV`. */
import { GUEST_ENV, GUEST_LIMITS, readGuestEnvironment } from '@berth/contract/guest';

export interface GuestConfig {
  readonly id: string;
  readonly socket: string;
  readonly root: string;
  readonly home: string;
  readonly state: string;
  readonly internalPort: number;
  readonly proxyPort: number;
  /** Uid of commands, when it differs from the guest's. */
  readonly user: number | undefined;
  /** Folder of the native terminal module. */
  readonly pty: string | undefined;
  /** Restrict file requests to root and home. */
  readonly confined: boolean;
  /** The base environment of commands. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the machine has its programs, whatever commands are told. */
  readonly path: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration, or a sentence describing the problem. */
export const readConfig = (env: Environment): GuestConfig | string => {
  const missing = [GUEST_ENV.socket, GUEST_ENV.root, GUEST_ENV.home, GUEST_ENV.state].filter((k) => !env[k]);
  if (missing.length > 0) return `${missing.join(', ')} must be set`;
  const socket = env[GUEST_ENV.socket] ?? '';
  if (Buffer.byteLength(socket) > GUEST_LIMITS.socketPathBytes)
    return `${GUEST_ENV.socket} is longer than ${GUEST_LIMITS.socketPathBytes} bytes: ${socket}`;
  const internalPort = port(env[GUEST_ENV.internalPort], 80);
  const proxyPort = port(env[GUEST_ENV.proxyPort], 3128);
  if (internalPort === undefined || proxyPort === undefined) return 'a port must be a number up to 65535';
  const user = env[GUEST_ENV.user] ? Number(env[GUEST_ENV.user]) : undefined;
  if (user !== undefined && !(Number.isInteger(user) && user > 0))
    return `${GUEST_ENV.user} must be a number`;
  const { own, commands } = readGuestEnvironment(env);
  return {
    id: env[GUEST_ENV.id] ?? '',
    socket,
    root: env[GUEST_ENV.root] ?? '',
    home: env[GUEST_ENV.home] ?? '',
    state: env[GUEST_ENV.state] ?? '',
    internalPort,
    proxyPort,
    user,
    pty: env[GUEST_ENV.pty] || undefined,
    confined: env[GUEST_ENV.confined] === '1',
    env: commands,
    path: own.PATH,
  };
};

const port = (text: string | undefined, fallback: number): number | undefined => {
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 && value <= 65_535 ? value : undefined;
};
