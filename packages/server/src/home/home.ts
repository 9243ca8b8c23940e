/** The home as a folder: created and closed to others, with system errors about it explained in a sentence. */
import { access, chmod, constants, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { type BerthError, ERRORS, fail, isBerthError } from '@berth/contract';
import type { Settings } from '../config/config.ts';
import type { Path } from '../config/merge.ts';
import { makeFolder } from '../system/make-folder.ts';
import { saysNoSpace } from '../system/no-space.ts';

/** What is in a server's home, by name. */
export const DRIVERS_FOLDER = 'drivers';
/** The server's own copies of repositories. */
export const HUB_FOLDER = 'hub';

export const makeHome = async (home: string): Promise<void> => {
  await makeFolder(home);
  // A file is reported here, not by the database, which cannot be opened below it.
  await readdir(home);
  await access(home, constants.W_OK);
};

/** Sandboxes run as users of their own, and must be able to traverse it to their driver's folder, but not list it. */
export const closeHome = async (home: string): Promise<void> => {
  const entries = await readdir(home, { withFileTypes: true });
  const own = entries.filter((entry) =>
    entry.isDirectory() ? entry.name !== DRIVERS_FOLDER : entry.isFile(),
  );
  await Promise.all(own.map((entry) => chmod(join(home, entry.name), entry.isDirectory() ? 0o700 : 0o600)));
  await chmod(home, 0o711);
};

/** A system failure during start-up, in our words, with the setting that led to it; any other error unchanged. */
export const explainStartFailure = (failure: unknown, { config, placeOf }: Settings): unknown => {
  if (isBerthError(failure)) return unknownName(failure, { config, placeOf });
  if (!isSystemError(failure)) return failure;
  const { home, host, port, socketPath } = config;
  const { path = home, code = '', syscall } = failure;
  if (saysNoSpace(failure)) return fail('disk.full', { path }, { cause: failure });
  const cannotListen = (address: string, setting: string) => {
    const facts = { address, reason: reasonOf(failure), from: placeOf([setting]) };
    return fail('server.cannot_listen', facts, { cause: failure });
  };
  if (OF_THE_HOST.includes(code)) return cannotListen(host, 'host');
  if (syscall === 'listen' && failure.address !== undefined)
    return cannotListen(`${failure.address}:${failure.port ?? port}`, 'port');
  const isInHome = path === home || path.startsWith(`${home}/`);
  if (!isInHome && `${socketPath}/`.startsWith(`${path}/`)) return cannotListen(socketPath, 'socketPath');
  const facts = { home, path, reason: reasonOf(failure), from: placeOf(['home']) };
  return fail('home.unusable', facts, { cause: failure });
};

/** A driver or an agent that does not exist, with the setting that names it. */
const unknownName = (failure: BerthError, { config, placeOf }: Settings): BerthError => {
  const named: readonly (readonly [value: string | undefined, path: Path])[] = [
    ...config.defaultDrivers.map((name) => [name, ['defaultDriver']] as const),
    [config.defaults.agent, ['defaultAgent']],
    ...config.defaults.trustedGateDrivers.map((name) => [name, ['defaults', 'trustedGateDrivers']] as const),
    ...Object.keys(config.drivers).map((name) => [name, ['drivers', name]] as const),
    ...Object.keys(config.agents).map((name) => [name, ['agents', name]] as const),
  ];
  for (const code of ['driver.unknown', 'agent.unknown'] as const) {
    if (failure.code !== code) continue;
    const unknown = ERRORS[code].data.parse(failure.details) as {
      driver?: string;
      agent?: string;
      known: string[];
    };
    const name = unknown.driver ?? unknown.agent;
    const path = placeOf(named.find(([value]) => value === name)?.[1] ?? []);
    const message = `must be one of ${unknown.known.join(', ')}, not "${name}"`;
    if (path !== undefined)
      return fail('config.invalid', { issues: [{ path, message }] }, { cause: failure });
  }
  return failure;
};

/** No such name, temporarily none, or no such address on this machine. */
const OF_THE_HOST: readonly string[] = ['ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL'];

const reasonOf = ({ syscall, code, errno, message }: SystemError): string => {
  // The parent exists, and the folder still cannot be created: in procfs and the like.
  if (syscall === 'mkdir' && code === 'ENOENT') return 'no folder can be made there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no address is known for that name';
  // Node's own checks count indexes upwards.
  const [, reason = message] = getSystemErrorMap().get(-Math.abs(errno)) ?? [];
  return reason;
};

interface SystemError extends NodeJS.ErrnoException {
  readonly errno: number;
  readonly address?: string;
  readonly port?: number;
}

const isSystemError = (failure: unknown): failure is SystemError =>
  failure instanceof Error &&
  'syscall' in failure &&
  typeof failure.syscall === 'string' &&
  'errno' in failure &&
  typeof failure.errno === 'number';
