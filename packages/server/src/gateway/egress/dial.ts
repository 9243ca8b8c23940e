/**
 * From a name to a connection: one lookup, a check of its answers, and a connection to one of those addresses. The
 * name is not resolved again after the check, so DNS rebinding gains nothing.
 */
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isPublicAddress } from './addresses.ts';
import type { Target } from './host.ts';
import type { Lookup } from './names.ts';

/** Even public ones: from this machine they bypass the firewall of its services. */
export const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);

export interface DialOptions {
  readonly mayBePrivate: boolean;
  readonly ownAddresses: () => readonly string[];
  readonly timeoutMs: number;
}

export type Dialled =
  | { readonly kind: 'open'; readonly socket: Socket; readonly address: string }
  /** Connecting is not allowed. */
  | { readonly kind: 'refused'; readonly reason: string; readonly address: string | undefined }
  /** Allowed, but unreachable. */
  | { readonly kind: 'failed'; readonly reason: string; readonly address: string | undefined };

const MAX_ADDRESSES = 3;

export const dial = async (lookup: Lookup, target: Target, options: DialOptions): Promise<Dialled> => {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const answers = await addressesOf(lookup, target, deadline);
  if (answers === undefined) {
    return { kind: 'failed', reason: `the name ${target.host} cannot be resolved`, address: undefined };
  }
  const own = options.mayBePrivate ? [] : options.ownAddresses();
  const usable = answers.filter(
    (address) => options.mayBePrivate || (isPublicAddress(address) && !own.includes(address)),
  );
  if (usable.length === 0) {
    const reason = `${target.host} has a private or reserved address${own.includes(answers[0] ?? '') ? ': the server’s own' : ''}`;
    return { kind: 'refused', reason, address: answers[0] };
  }
  for (const address of usable.slice(0, MAX_ADDRESSES)) {
    const socket = await open(address, target.port, deadline);
    if (socket !== undefined) return { kind: 'open', socket, address };
  }
  return { kind: 'failed', reason: `${target.host}:${target.port} is not responding`, address: usable[0] };
};

const addressesOf = async (
  lookup: Lookup,
  target: Target,
  deadline: AbortSignal,
): Promise<readonly string[] | undefined> => {
  if (target.literal) return [target.host];
  const aborted = once(deadline, 'abort').then(() => undefined);
  const answers = await Promise.race([lookup(target.host, deadline).catch(() => undefined), aborted]);
  const addresses = answers?.filter((address) => isIP(address) !== 0) ?? [];
  return addresses.length === 0 ? undefined : addresses;
};

/** Undefined when the address does not accept the connection in time. */
const open = async (address: string, port: number, deadline: AbortSignal): Promise<Socket | undefined> => {
  const socket = connect({ host: address, port, noDelay: true });
  try {
    await once(socket, 'connect', { signal: deadline });
    return socket;
  } catch {
    socket.destroy();
    return undefined;
  }
};
