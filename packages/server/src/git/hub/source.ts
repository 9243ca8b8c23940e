/**
 * Where a repository may come from: an absolute path on this machine, or an https, ssh, git or file URL (also the
 * short form `user@host:path` of ssh). No URL may contain a secret, because it is stored and shown; and nothing may
 * look like a git option or use a transport that runs a command.
 */
import path from 'node:path';
import { fail, RepositoryName } from '@berth/contract';
import { SOURCE_PROTOCOLS } from '../git.ts';

export interface Source {
  readonly kind: 'path' | 'url';
  /** Passed to git. */
  readonly address: string;
  /** The default name of the repository. */
  readonly name: string;
}

const CREDENTIALS = "it contains credentials. Leave them to git's credential helper or to an ssh key.";

/** Throws `repository.bad_source`. */
export const parseSource = (text: string): Source => {
  const refuse = (reason: string) => fail('repository.bad_source', { source: withoutSecrets(text), reason });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (/[\u0000-\u001f\u007f]/.test(text)) throw refuse('it contains control characters.');
  if (text.startsWith('-')) throw refuse('it looks like an option.');
  if (text.startsWith('/')) return named('path', path.normalize(text));
  if (/^[a-z0-9+.-]*::/i.test(text)) throw refuse('this transport is not allowed.');
  if (text.includes('://')) return fromUrl(text, refuse);
  const user = userOf(text);
  if (user?.includes(':') && hostOf(text, user).includes(':')) throw refuse(CREDENTIALS);
  const short = /^(?:([a-zA-Z0-9._-]+)@)?([a-zA-Z0-9][a-zA-Z0-9.-]*):([^-].*)$/.exec(text);
  if (short !== null) return named('url', text);
  throw refuse('give an absolute path, or an https, ssh, git or file URL.');
};

const fromUrl = (text: string, refuse: (reason: string) => Error): Source => {
  if (!URL.canParse(text)) throw refuse('it is not a URL.');
  const url = new URL(text);
  const protocol = url.protocol.slice(0, -1);
  if (!SOURCE_PROTOCOLS.some((known) => known === protocol)) {
    throw refuse(`the transport ${protocol} is not one of ${SOURCE_PROTOCOLS.join(', ')}.`);
  }
  // With ssh a user name is an address, not a secret.
  if (url.password !== '' || (url.username !== '' && protocol !== 'ssh')) {
    throw refuse(CREDENTIALS);
  }
  if (/^-|%2d/i.test(url.hostname) || /^-/.test(url.username)) throw refuse('it looks like an option.');
  if (protocol === 'file' && url.hostname !== '') throw refuse('a file URL must not name a host.');
  if (url.search !== '' || url.hash !== '') throw refuse('it has a query or a fragment.');
  return named('url', text);
};

const named = (kind: Source['kind'], address: string): Source => {
  const last =
    address
      .replace(/(?<!\/)\/+$/, '')
      .replace(/\/?\.git$/, '')
      .split(/[/:]/)
      .at(-1) ?? '';
  const name = last
    .replace(/[^a-zA-Z0-9._-]/g, '-')
    .replace(/^[^a-zA-Z0-9_]+/, '')
    .slice(0, 63);
  return { kind, address, name: RepositoryName.safeParse(name).success ? name : 'repository' };
};

/** For the short form; undefined for other forms. */
const userOf = (text: string): string | undefined => {
  const end = text.search(/[/@]/);
  return text[end] === '@' ? text.slice(0, end) : undefined;
};

const hostOf = (text: string, user: string): string => text.slice(user.length + 1).split('/', 1)[0] ?? '';

/** For messages: removes the user part of anything like a URL. */
const withoutSecrets = (text: string): string => {
  const user = userOf(text);
  const short = user?.includes(':') && !/\s/.test(user) ? `…${text.slice(user.length)}` : text;
  return short.replace(/\/\/[^/@\s]*@/g, '//…@');
};
