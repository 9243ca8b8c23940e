/**
 * What a lock file change does to the tools that judge. Lock files exist to update and add ordinary packages,
 * so that is allowed. A tool in another version is not, nor is a package from a different source than before
 * (another host, another package's name, a folder).
 */
import { type Entry, lockReaderOf } from './lock-readers.ts';
import { isFramework, isTool } from './tools.ts';

interface LockChange {
  readonly name: string;
  readonly detail: string;
}

export const isLockFile = (path: string): boolean => lockReaderOf(path) !== undefined;

/** Undefined if one of the texts is not a lock file. `programs` are those the gate starts. */
export const lockChanges = (
  path: string,
  was: string,
  is: string,
  programs: ReadonlySet<string> = NO_PROGRAMS,
): LockChange[] | undefined => {
  const judges = (name: string): boolean => isTool(name) || (programs.has(name) && !isFramework(name));
  const read = lockReaderOf(path);
  const [ours, theirs] = [read?.(was), read?.(is)];
  if (ours === undefined || theirs === undefined) return undefined;
  const hosts = new Set([...REGISTRIES, ...hostsIn(was)]);
  const known = grouped(ours);
  const now = grouped(theirs);
  const found = [...now].flatMap(([name, entries]): LockChange[] => {
    const before = known.get(name) ?? [];
    const old = textsOf(before);
    const fresh = entries.filter(({ text }) => !old.has(text));
    // A new package of the repository's own workspace appears as a link.
    const isNew = before.length === 0 && !judges(name);
    if (fresh.some(({ text }) => !isFromRegistry(isNew ? text.replace('"link": true', '') : text, hosts)))
      return [{ name, detail: 'it comes from somewhere else than a registry that is known' }];
    const taken = broughtBy(fresh).find(
      (one) => one !== name && judges(one) && !broughtBy(before).includes(one),
    );
    if (taken !== undefined) return [{ name, detail: `it brings a program ${taken}` }];
    const isTaken = (all: readonly Entry[]): boolean => all.some(({ text }) => isOtherPackage(name, text));
    return before.length > 0 && isTaken(fresh) && !isTaken(before)
      ? [{ name, detail: 'another package takes its name' }]
      : [];
  });
  for (const [name, before] of known) {
    const entries = now.get(name) ?? [];
    const left = textsOf(entries);
    const isLost = before.some((one) => one.isFirst && !left.has(one.text));
    if (isLost && judges(name) && !found.some((one) => one.name === name))
      found.push({ name, detail: versions(before, entries) });
  }
  return found;
};

const NO_PROGRAMS: ReadonlySet<string> = new Set();
const broughtBy = (entries: readonly Entry[]): string[] => entries.flatMap(({ programs }) => programs ?? []);

const textsOf = (entries: readonly Entry[]): ReadonlySet<string> => new Set(entries.map(({ text }) => text));

const grouped = (entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> =>
  Map.groupBy(entries, ({ name }) => name);

const REGISTRIES = [
  ...['registry.npmjs.org', 'registry.yarnpkg.com', 'pypi.org', 'files.pythonhosted.org'],
  ...[
    'github.com/rust-lang/crates.io-index',
    'index.crates.io',
    'static.crates.io',
    'repo.packagist.org',
    'rubygems.org',
  ],
];

const URL_HOST = /\b(?:https?|sparse\+https?|registry\+https?):\/\/([^/\s"'),]+)/g;
const hostsIn = (text: string): string[] => [...text.matchAll(URL_HOST)].map(([, host = '']) => host);

const ELSEWHERE =
  /(?:^|["'\s@:=({,])(?:file:|link:|portal:|exec:|git\+|git:|git@|ssh:|git\s*=|path\s*=|directory\s*=|editable\s*=|url\s*=\s*"(?!https))|"link": true|\btarball:\s*file/;
const isFromRegistry = (entry: string, hosts: ReadonlySet<string>): boolean =>
  !ELSEWHERE.test(entry) &&
  hostsIn(entry).every(
    (host) => hosts.has(host) || (host === 'github.com' && entry.includes('crates.io-index')),
  );

/** Compares archive URLs, which contain the name, and whatever stands in for them. */
const isOtherPackage = (name: string, entry: string): boolean => {
  const archives = [...entry.matchAll(/https?:\/\/[^/\s"']+\/([^\s"']+)/g)].flatMap(([, path = '']) =>
    path.includes('/-/') ? [path.slice(0, path.indexOf('/-/'))] : [],
  );
  const plain = (text: string): string => text.toLowerCase().replace('%2f', '/');
  const isNamed = (path: string): boolean =>
    plain(path) === plain(name) || plain(path).endsWith(`/${plain(name)}`);
  const said = /"name": ?"([^"]+)"/.exec(entry)?.[1] ?? /@npm:((?:@[^@/"]+\/)?[^@/"]+)@/.exec(entry)?.[1];
  return archives.some((path) => !isNamed(path)) || (said !== undefined && said !== name);
};

const versions = (was: readonly Entry[], is: readonly Entry[]): string => {
  const of = (entries: readonly Entry[]): string =>
    [...new Set(entries.map(({ text }) => VERSION.exec(text)?.[1] ?? '?'))].slice(0, MAX_VERSIONS).join(', ');
  if (is.length === 0) return `removed, was ${of(was)}`;
  const [before, after] = [of(was), of(is)];
  return before === after ? `${before}, but not the same any more` : `${before} → ${after}`;
};
const MAX_VERSIONS = 5;
const VERSION = /\bversion"?\s*(?:[:=]\s*)?"?([\w.+-]+)|@v?(\d[\w.+-]*)/;
