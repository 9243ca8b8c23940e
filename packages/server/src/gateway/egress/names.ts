/**
 * Names that sandboxes ask for are looked up by asking the servers of names themselves. The system's function holds a thread
 * of the server for as long as one of those stays silent, which whoever answers for a name decides; there are two for
 * all, and nobody can take them back. Each sandbox has a number of places; in them it waits for itself alone.
 *
 * What the machine's administrator wrote counts as it does for the system's function: the file of hosts comes first, and a
 * name without a full stop is one of the domains to search.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** All addresses of a name, IPv4 first. Rejects when there is none, and when the signal comes first. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

export interface NameSources {
  readonly hostsFile: string;
  /** Names its servers, and the domains to search. */
  readonly resolverFile: string;
  /** With ports; those of the file when absent. */
  readonly servers?: readonly string[];
}

const SYSTEM: NameSources = { hostsFile: '/etc/hosts', resolverFile: '/etc/resolv.conf' };
/** Of one server of names, which is asked twice, the second time for twice as long. */
const ANSWER_TIMEOUT_MS = 2_000;
const TRIES = 2;

export const createLookup =
  (sources: NameSources = SYSTEM): Lookup =>
  async (host, signal) => {
    const written = addressesIn(await textOf(sources.hostsFile), host);
    if (written.length > 0) return written;
    // One for each question: its settings are those of now, and it can be given up alone.
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

/** As many as the system's function searches, the last line of them. */
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

/** Gives every sandbox so many lookups at once; its others wait in the order of asking, and for as long as they like. */
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
      // Whoever waited for too long asks no more.
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
