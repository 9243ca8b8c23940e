/**
 * From a name to a connection: one lookup, its answers judged, and one of those very addresses dialled. Between the
 * judgement and the dialling nobody asks again, so a name that changes its answer (rebinding) gains nothing.
 */
import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isPublicAddress } from './addresses.ts';
import type { Target } from './host.ts';
import type { Lookup } from './names.ts';

/** Also where they are public: from this machine they lead past what keeps others from its services. */
export const ownAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);

export interface DialOptions {
  readonly mayBePrivate: boolean;
  readonly ownAddresses: () => readonly string[];
  readonly timeoutMs: number;
}

export type Dialled =
  | { readonly kind: 'open'; readonly socket: Socket; readonly address: string }
  /** Nothing may be dialled. */
  | { readonly kind: 'refused'; readonly reason: string; readonly address: string | undefined }
  /** It may, but nobody answers. */
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
    const reason = `${target.host} is at a private or reserved address${own.includes(answers[0] ?? '') ? ': the server’s own' : ''}`;
    return { kind: 'refused', reason, address: answers[0] };
  }
  for (const address of usable.slice(0, MAX_ADDRESSES)) {
    const socket = await open(address, target.port, deadline);
    if (socket !== undefined) return { kind: 'open', socket, address };
  }
  return { kind: 'failed', reason: `${target.host}:${target.port} does not answer`, address: usable[0] };
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

/** Undefined when the address does not take the connection in time. */
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
