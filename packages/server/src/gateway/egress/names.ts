/**
 * Resolves names for sandboxes by querying the name servers directly. getaddrinfo blocks a thread of the server while
 * a name server is silent, which the owner of a name controls; there are only two such threads, and calls cannot be
 * cancelled. Each sandbox has a limited number of concurrent lookups, so it can only delay itself.
 *
 * The machine's configuration applies as with getaddrinfo: the hosts file comes first, and a name without a dot is
 * tried in the search domains.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** All addresses of a name, IPv4 first. Rejects when there is none, and when aborted. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

export interface NameSources {
  readonly hostsFile: string;
  /** Lists the name servers and search domains. */
  readonly resolverFile: string;
  /** With ports. Default: those in the file. */
  readonly servers?: readonly string[];
}

const SYSTEM: NameSources = { hostsFile: '/etc/hosts', resolverFile: '/etc/resolv.conf' };
/** Timeout per name server, which is queried twice, the second time with twice the timeout. */
const ANSWER_TIMEOUT_MS = 2_000;
const TRIES = 2;

export const createLookup =
  (sources: NameSources = SYSTEM): Lookup =>
  async (host, signal) => {
    const written = addressesIn(await textOf(sources.hostsFile), host);
    if (written.length > 0) return written;
    // One resolver per query: it uses the current settings, and can be cancelled separately.
    const resolver = new Resolver({ timeout: ANSWER_TIMEOUT_MS, tries: TRIES });
    if (sources.servers !== undefined) resolver.setServers(sources.servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel);
    try {
      signal.throwIfAborted();
      const names = host.includes('.') ? [host] : await withDomains(host, sources.resolverFile);
      return await firstAnswer(resolver, names);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };

const firstAnswer = async (resolver: Resolver, names: readonly string[]): Promise<readonly string[]> => {
  let failure: unknown;
  for (const name of names) {
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const addresses = found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (addresses.length > 0) return addresses;
    failure = found.find((one) => one.status === 'rejected')?.reason;
  }
  throw failure;
};

/** The same limit as getaddrinfo, from the last such line. */
const MAX_DOMAINS = 6;

const withDomains = async (host: string, file: string): Promise<string[]> => {
  const lines = (await textOf(file)).split('\n').map((line) => line.trim().split(/\s+/));
  const domains = lines.findLast(([word]) => word === 'search' || word === 'domain')?.slice(1) ?? [];
  return [...domains.slice(0, MAX_DOMAINS).map((domain) => `${host}.${domain}`), host];
};

const addressesIn = (hosts: string, host: string): string[] => {
  const lines = hosts.split('\n').map((line) => line.split('#')[0]?.trim().split(/\s+/) ?? []);
  const found = lines.flatMap(([address = '', ...names]) =>
    isIP(address) !== 0 && names.some((name) => name.toLowerCase() === host) ? [address] : [],
  );
  return [...new Set(found)].sort((a, b) => isIP(a) - isIP(b));
};

const textOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });

/** Limits concurrent lookups per sandbox; the others wait in FIFO order, until aborted. */
export const shareLookups = (
  lookup: Lookup,
  perSandbox: number,
): ((sandboxId: string, host: string, signal: AbortSignal) => Promise<readonly string[]>) => {
  const lines = new Map<string, Line>();
  return async (sandboxId, host, signal) => {
    const line = lines.get(sandboxId) ?? { running: 0, waiting: [] };
    lines.set(sandboxId, line);
    if (line.running >= perSandbox) await new Promise<void>((resolve) => line.waiting.push(resolve));
    else line.running += 1;
    try {
      // Aborted while waiting: no query is sent.
      signal.throwIfAborted();
      return await lookup(host, signal);
    } finally {
      const next = line.waiting.shift();
      if (next !== undefined) next();
      else if (--line.running === 0) lines.delete(sandboxId);
    }
  };
};

interface Line {
  running: number;
  readonly waiting: (() => void)[];
}
