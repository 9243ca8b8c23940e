/**
 * What a change of a lock file does to the tools that judge. Other versions of ordinary packages, and new ones, are what
 * a lock file is for. A tool in another version, and a package that comes from somewhere else than it did (another
 * host, another package's name, a folder), are not.
 */
import { nameOf } from './place.ts';
import { isTool } from './tools.ts';

interface Entry {
  readonly name: string;
  /** What the file says of where it comes from, and which it is. */
  readonly text: string;
  /** The one that is found under its name, and not only by another package. */
  readonly isFirst: boolean;
}

interface LockChange {
  readonly name: string;
  readonly detail: string;
}

export const isLockFile = (path: string): boolean => readerOf(path) !== undefined;

/** Undefined when one of the texts is no such file. */
export const lockChanges = (path: string, was: string, is: string): LockChange[] | undefined => {
  const read = readerOf(path);
  const [ours, theirs] = [read?.(was), read?.(is)];
  if (ours === undefined || theirs === undefined) return undefined;
  const hosts = new Set([...REGISTRIES, ...hostsIn(was)]);
  const known = grouped(ours);
  const now = grouped(theirs);
  const found = [...now].flatMap(([name, entries]): LockChange[] => {
    const before = known.get(name) ?? [];
    const old = textsOf(before);
    const fresh = entries.filter(({ text }) => !old.has(text));
    // A new package of the repository's own workspace is a link.
    const isNew = before.length === 0 && !isTool(name);
    if (fresh.some(({ text }) => !isFromRegistry(isNew ? text.replace('"link": true', '') : text, hosts)))
      return [{ name, detail: 'it comes from somewhere else than a registry that is known' }];
    const isTaken = (all: readonly Entry[]): boolean => all.some(({ text }) => isOtherPackage(name, text));
    return before.length > 0 && isTaken(fresh) && !isTaken(before)
      ? [{ name, detail: 'another package takes its name' }]
      : [];
  });
  for (const [name, before] of known) {
    const entries = now.get(name) ?? [];
    const left = textsOf(entries);
    const isLost = before.some((one) => one.isFirst && !left.has(one.text));
    if (isLost && isTool(name) && !found.some((one) => one.name === name))
      found.push({ name, detail: versions(before, entries) });
  }
  return found;
};

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

/** By the addresses of archives, which hold the name, and by what is said instead of it. */
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

type Reader = (text: string) => readonly Entry[] | undefined;

const npm: Reader = (text) => {
  try {
    const { packages, dependencies } = JSON.parse(text) as Record<string, Record<string, object> | undefined>;
    return Object.entries(packages ?? dependencies ?? {}).flatMap(([path, entry]) => {
      const at = path.lastIndexOf(INSTALLED);
      if (packages !== undefined && at < 0) return [];
      const { version, resolved, integrity, name, link } = entry as Record<string, unknown>;
      const said = JSON.stringify({ version, resolved, integrity, name, link }).replaceAll('":', '": ');
      return [{ name: at < 0 ? path : path.slice(at + INSTALLED.length), text: said, isFirst: at <= 0 }];
    });
  } catch {
    return undefined;
  }
};
const INSTALLED = 'node_modules/';

/** Blocks behind a line that is not indented: `"a@^1", a@^2:`. */
const yarn: Reader = (text) =>
  text.split(/\n(?=\S)/).flatMap((block) => {
    const [head = '', ...members] = block.split('\n');
    if (!/:\s*$/.test(head) || head.startsWith('__metadata') || head.includes('@workspace:')) return [];
    const said = members.filter((line) =>
      /^ {2}"?(?:version|resolved|resolution|integrity|checksum)\b/.test(line),
    );
    return head.split(',').flatMap((one) => {
      const [, name, alias] = /^\s*"?(@?[^@"]*)@(?:npm:(@?[^@"]+)@)?/.exec(one) ?? [];
      if (name === undefined) return [];
      const other = alias === undefined ? [] : [`"name": "${alias}"`];
      const from = /@(?:file|link|portal|exec|git\+\w+|patch):/.test(one) ? [one.trim()] : [];
      return [{ name, text: [...said, ...other, ...from].join('\n'), isFirst: true }];
    });
  });

/** Keys of two spaces below `packages:`, and of six below `importers:`. What a package is installed beside is left out. */
const pnpm: Reader = (text) => [
  ...blocksOf(sectionOf(text, 'packages'), 2).flatMap((block) => {
    const [, name] = /^ *["']?\/?((?:@[^@/\s]+\/)?[^@/\s:"']+)[@/]/.exec(block) ?? [];
    if (name === undefined) return [];
    const [head = '', ...members] = block.split('\n');
    const said = [
      head.replace(/\(.*/, ''),
      ...members.filter((line) => /^ {4}(?:resolution|version|name):/.test(line)),
    ];
    return [{ name, text: said.join('\n'), isFirst: true }];
  }),
  ...blocksOf(sectionOf(text, 'importers'), 6).flatMap((block) => {
    const [, name] = /^ *["']?([^\s"':]+)["']?:/.exec(block) ?? [];
    const [, version] = /^ *version: ([^(\n]+)/m.exec(block) ?? [];
    const isElsewhere = version !== undefined && !version.startsWith('link:');
    return name === undefined || !isElsewhere ? [] : [{ name, text: `version: ${version}`, isFirst: true }];
  }),
];

const sectionOf = (text: string, name: string): string =>
  text.split(/\n(?=\S)/).find((one) => one.startsWith(`${name}:`)) ?? '';
const blocksOf = (section: string, indent: number): string[] =>
  section.split(new RegExp(`\\n(?= {${indent}}\\S)`)).slice(1);

/** `[[package]]` of Cargo, uv, Poetry and PDM; the project's own packages have no hash. */
const toml: Reader = (text) =>
  text.split(/\n(?=\[\[package\]\])/).flatMap((block) => {
    const [, name] = /^name = "([^"]+)"/m.exec(block) ?? [];
    const said = block
      .split('\n')
      .filter((line) => /^(?:version|source|checksum)\s*=|\bhash\s*[=:]|\burl\s*=/.test(line))
      .join('\n');
    const isOwn = !/\b(?:checksum|hash|url|source)\b/.test(said) || /(?:editable|virtual) = "\."/.test(said);
    return name === undefined || isOwn ? [] : [{ name, text: said, isFirst: true }];
  });

const READERS: readonly (readonly [RegExp, Reader])[] = [
  [/^(?:package-lock|npm-shrinkwrap)\.json$/, npm],
  [/^yarn\.lock$/, yarn],
  [/^pnpm-lock\.yaml$/, pnpm],
  [/^(?:Cargo|uv|poetry|pdm)\.lock$/, toml],
];

const readerOf = (path: string): Reader | undefined => READERS.find(([name]) => name.test(nameOf(path)))?.[1];
