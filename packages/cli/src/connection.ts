/**
 * Where the server is: from flags or environment (BERTH_ADDRESS, BERTH_TOKEN), else the Unix socket and the owner
 * token in the home folder, chosen the way the server chooses it.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fail } from '@berth/contract';
import { CALL_LIMITS, type CallLimits, type Client, createClient } from '@berth/sdk/node';
import type { CommandIo } from './screen.ts';

export interface Connection {
  readonly home: string;
  /** The flag or variable that names the home; undefined for the default one. */
  readonly homeFrom: string | undefined;
  readonly address: string;
  readonly token: string | undefined;
  /** The variable or file that the token comes from, or would come from. */
  readonly tokenFrom: string | undefined;
  /** No address was given, so a server may be started in the home folder. */
  readonly isOwnHome: boolean;
  readonly limits: CallLimits;
}

export interface Where {
  readonly address?: string | undefined;
  readonly home?: string | undefined;
}

export const connectionOf = (
  { env, isRoot, limits = CALL_LIMITS }: CommandIo,
  where: Where = {},
): Connection => {
  const home = resolve(where.home ?? (env.BERTH_HOME || defaultHome(env, isRoot)));
  const homeFrom = where.home !== undefined ? '--home' : env.BERTH_HOME ? 'BERTH_HOME' : undefined;
  const named = namedAddress(env, where);
  const address = named ?? `unix:${resolve(home, env.BERTH_SOCKET ?? join('run', 'berth.sock'))}`;
  const isOurs = named === undefined || where.home !== undefined || isHere(named);
  const tokenFile = join(home, 'owner-token');
  const token = env.BERTH_TOKEN || (isOurs ? tokenIn(tokenFile) : undefined);
  const tokenFrom = env.BERTH_TOKEN ? 'BERTH_TOKEN' : isOurs ? tokenFile : undefined;
  return { home, homeFrom, address, token, tokenFrom, isOwnHome: named === undefined, limits };
};

/** The server of a home, ignoring the address and token set for other commands. */
export const connectionInHome = (
  { env: { BERTH_ADDRESS: _address, BERTH_TOKEN: _token, ...env }, ...world }: CommandIo,
  { home, homeFrom }: Pick<Connection, 'home' | 'homeFrom'>,
): Connection => ({ ...connectionOf({ ...world, env }, { home }), homeFrom });

/** The address from a flag or the environment. */
const namedAddress = (env: CommandIo['env'], where: Where): string | undefined => {
  const named = where.address ?? (env.BERTH_ADDRESS || undefined);
  if (named === undefined || /^unix:./.test(named) || isHttp(named)) return named;
  const path = where.address === undefined ? 'BERTH_ADDRESS' : '--address';
  const message = 'must be http://…, https://… or unix:/…';
  throw fail('request.invalid', { issues: [{ path, message }] });
};

const isHttp = (address: string): boolean =>
  URL.canParse(address) && ['http:', 'https:'].includes(new URL(address).protocol);

/** Whether an address is on this machine: a remote one is not sent the contents of a local folder. */
const isHere = (address: string): boolean =>
  address.startsWith('unix:') ||
  (URL.canParse(address) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(address).hostname));

/** WebSockets need the TCP address; over the Unix socket it is requested from the server. */
export const httpAddress = async ({
  connection,
  client,
}: {
  readonly connection: Connection;
  readonly client: Client;
}) => (connection.address.startsWith('unix:') ? (await client.system.health()).address : connection.address);

export const clientAt = ({ address, token, limits }: Connection): Client =>
  createClient({ address, token, limits });

/**
 * Undefined when it does not exist or is not readable: the server's error about the missing token then names the
 * path.
 */
const tokenIn = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
};

const defaultHome = (env: CommandIo['env'], isRoot: boolean): string => {
  if (isRoot) return '/var/lib/berth';
  const data = env.XDG_DATA_HOME;
  const folder = data !== undefined && isAbsolute(data) ? data : join(env.HOME ?? homedir(), '.local/share');
  return join(folder, 'berth');
};
