/**
 * A host has one canonical spelling. Names come from programs that an agent controls; what is checked and what is
 * dialled must be the same, so every other spelling (octal and hexadecimal addresses, escapes, control bytes, user
 * parts, trailing dots) is refused instead of normalised.
 */
import { isIP } from 'node:net';

export interface Target {
  /** Lower case, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly literal: boolean;
}

const MAX_HOST_LENGTH = 253;

/** Reads `host:port` or `[address]:port`; undefined when it is not canonical. */
export const parseAuthority = (authority: string, defaultPort?: number): Target | undefined => {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(authority);
  if (parts === null) return undefined;
  const [, address, name, digits] = parts;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === undefined || port < 1 || port > 65_535) return undefined;
  const host = canonicalHost(address ?? name ?? '');
  if (host === undefined || (address !== undefined) !== (isIP(host) === 6)) return undefined;
  return { host, port, literal: isIP(host) !== 0 };
};

/** Lower case; undefined for anything whose canonical spelling differs. */
export const canonicalHost = (text: string): string | undefined => {
  const host = text.toLowerCase();
  if (host.length > MAX_HOST_LENGTH) return undefined;
  if (isIP(host) !== 0)
    return isIP(host) === 6 && canonicalUrlHost(`[${host}]`) !== `[${host}]` ? undefined : host;
  if (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(host) || host.includes('..')) return undefined;
  // A URL parser reads `0x7f.1` and `2130706433` as addresses; anything it changes is not a name.
  return canonicalUrlHost(host) === host ? host : undefined;
};

const canonicalUrlHost = (host: string): string | undefined => {
  const url = `http://${host}/`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
};
