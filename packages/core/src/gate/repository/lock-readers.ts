/** Reads what the lock files of the usual installers record for each package. */
import {
  archived,
  ELSEWHERE,
  isFolderInside,
  isIntegrity,
  MEMBER,
  npmOrigin,
  type Origin,
  oddSpecIn,
  unknown,
} from './lock-origins.ts';
import { isKnownSpec, isPackageName, isVersion } from './package-specs.ts';
import { nameOf } from './path-index.ts';

export interface Entry {
  readonly name: string;
  /** What the file records about source and identity. */
  readonly text: string;
  /** Whether it is the one resolved under its name, rather than only for another package. */
  readonly isFirst: boolean;
  /** Names of the programs it provides, if the file records them. */
  readonly programs?: readonly string[];
  /** Absent if the format has no known forms; the text is then searched for what is not from a registry. */
  readonly origin?: Origin;
  /** Everything that an installer may read of it. Default: `text`. */
  readonly whole?: string;
}

type Reader = (text: string) => readonly Entry[] | undefined;
type Fields = Readonly<Record<string, unknown>>;

const npm: Reader = (text) => {
  try {
    const { packages, dependencies } = JSON.parse(text) as Record<string, Record<string, Fields> | undefined>;
    const flat = Object.entries(packages ?? {}).map(([path, entry]) => npmEntry(path, entry, packages ?? {}));
    return [...flat, ...nestedEntries(dependencies ?? {}, packages ?? {}, packages === undefined, false)];
  } catch {
    return undefined;
  }
};
const INSTALLED = 'node_modules/';

const npmEntry = (path: string, entry: Fields, all: Readonly<Record<string, Fields>>): Entry => {
  const at = path.lastIndexOf(INSTALLED);
  const whole = JSON.stringify(entry);
  if (at < 0) {
    const odd = oddSpecIn(entry);
    const origin = odd === undefined ? MEMBER : unknown(`its dependency ${odd} is no version of a package`);
    return { name: path === '' ? 'the project itself' : path, text: '', isFirst: false, origin, whole };
  }
  const { version, resolved, integrity, name, link } = entry;
  const said = JSON.stringify({ version, resolved, integrity, name, link }).replaceAll('":', '": ');
  const own = path.slice(at + INSTALLED.length);
  const member = link === true ? all[String(resolved)] : undefined;
  const isPlace = path.split('/node_modules/').every((part, index) => {
    const place = index === 0 ? part.replace(/^node_modules\//, '') : part;
    return isPackageName(place) || (index === 0 && isFolderInside(place));
  });
  return {
    ...{ name: own, text: said, isFirst: at === 0 },
    programs: [...programsIn(own, entry), ...programsIn(own, member ?? {})],
    origin: isPlace
      ? npmOrigin(own, entry, isBundled(path, entry, all))
      : unknown('its place is none of a package'),
    whole: JSON.stringify([entry, member]),
  };
};

/** Part of the archive of a package above it. */
const isBundled = (path: string, { inBundle }: Fields, all: Readonly<Record<string, Fields>>): boolean => {
  if (inBundle !== true) return false;
  const parts = path.split('/node_modules/');
  return parts.some((_, index) => {
    const { bundleDependencies: names } = all[parts.slice(0, index).join('/node_modules/')] ?? {};
    return index > 0 && Array.isArray(names) && names.length > 0;
  });
};

/** Any form but an object of names counts as a program that replaces others. */
const programsIn = (own: string, { bin, directories }: Fields): string[] => {
  if (directories !== undefined) return [UNNAMED];
  if (bin === undefined) return [];
  if (typeof bin === 'string') return [own.replace(/^.*\//, '')];
  return typeof bin === 'object' && bin !== null ? Object.keys(bin).map(plainProgram) : [UNNAMED];
};
/** As installers link it: without folders. */
const plainProgram = (name: string): string => name.split(/[/\\:]/).at(-1) || UNNAMED;
/** Stands for programs that have any name. */
export const UNNAMED = '*';

/** Versions 1 and 2 of the format list each package below the one that has it. */
const nestedEntries = (
  dependencies: Readonly<Record<string, Fields>>,
  packages: Readonly<Record<string, Fields>>,
  isFirst: boolean,
  isInside: boolean,
): Entry[] =>
  Object.entries(dependencies).flatMap(([own, entry]) => {
    const { version, resolved, integrity, dependencies: below = {}, bundled } = entry;
    const said = JSON.stringify({ version, resolved, integrity }).replaceAll('":', '": ');
    const isMember =
      typeof version === 'string' &&
      packages[version.replace(/^file:/, '')] !== undefined &&
      resolved === undefined;
    const fields = { version, resolved, integrity };
    const origin = isMember ? MEMBER : npmOrigin(own, fields, isInside && bundled === true);
    return [
      { name: own, text: said, isFirst, origin },
      ...nestedEntries(below as Readonly<Record<string, Fields>>, packages, false, true),
    ];
  });

/** Blocks below an unindented line: `"a@^1", a@^2:`. */
const yarn: Reader = (text) =>
  text.split(/\r?\n(?=\S)/).flatMap((block) => {
    const [head = '', ...members] = block.split(/\r?\n/);
    if (head.startsWith('#') || head.startsWith('__metadata') || head.trim() === '') return [];
    const said = members.filter((line) =>
      /^ {2}"?(?:version|resolved|resolution|integrity|checksum)\b/.test(line),
    );
    const keys = head
      .replace(/:\s*$/, '')
      .split(',')
      .map((one) => one.trim().replace(/^"|"$/g, ''));
    return keys.map((key) => {
      const [, name = key, range = ''] = /^(@?[^@]*)@(.*)$/.exec(key) ?? [];
      return {
        ...{ name, text: said.join('\n'), isFirst: true },
        origin: yarnOrigin(name, range, valuesOf(members)),
        whole: [range, ...members].join('\n'),
      };
    });
  });

/** The values of one block, by field; `undefined` for one that is written twice. */
const valuesOf = (members: readonly string[]): ReadonlyMap<string, string | undefined> => {
  const values = new Map<string, string | undefined>();
  for (const line of members) {
    const [, name, value] = /^ {2}"?(\w+)"?:? +"?([^"]*)"?\s*$/.exec(line) ?? [];
    if (name !== undefined) values.set(name, values.has(name) ? undefined : value);
  }
  return values;
};

/** Patches that Yarn brings itself. */
const BUILT_IN =
  /^(fsevents|resolve|typescript)@patch:\1@npm%3A[\w.%^~*+-]+#(?:optional!|~)?builtin<compat\/\1>(?:::version=[\w.+-]+&hash=\w+)?$/;

const yarnOrigin = (name: string, range: string, values: ReadonlyMap<string, string | undefined>): Origin => {
  const resolution = values.get('resolution');
  const isNamed = isPackageName(name);
  if (resolution !== undefined)
    return isNamed ? berryOrigin(`${name}@${range}`, range, resolution, values) : ELSEWHERE;
  const [address, hash = ''] = values.get('resolved')?.split('#') ?? [];
  const isFixed = isIntegrity(values.get('integrity')) || /^\w+$/.test(hash);
  const isPlain = isNamed && isVersion(values.get('version') ?? '') && isKnownSpec(range);
  return isPlain ? archived(name, address, isFixed) : ELSEWHERE;
};

const berryOrigin = (
  key: string,
  range: string,
  resolution: string,
  values: ReadonlyMap<string, string | undefined>,
): Origin => {
  if (/^(?:@[\w.~-]+\/)?[\w.~-]+@workspace:(?!.*\.\.)[\w@./-]+$/.test(resolution)) return MEMBER;
  const [, patched] = BUILT_IN.exec(resolution) ?? [];
  if (patched !== undefined)
    return BUILT_IN.test(key) ? { kind: 'registry', package: patched, bases: [] } : ELSEWHERE;
  const [, said, version = ''] = /^(.+)@npm:([^@:]+)$/.exec(resolution) ?? [];
  const isPlain = isVersion(version) && isKnownSpec(range) && !range.startsWith('workspace:');
  if (said === undefined || !isPlain) return ELSEWHERE;
  const isFixed = values.has('checksum') || values.has('conditions');
  return isFixed
    ? { kind: 'registry', package: said, bases: [] }
    : unknown('it does not fix its content (no checksum)');
};

/**
 * Keys indented by two spaces below `packages:` and `snapshots:`, and by six below `importers:`. Peer suffixes
 * are ignored.
 */
const pnpm: Reader = (text) => [
  ...blocksOf(sectionOf(text, 'packages'), 2).flatMap((block) => {
    const [head = '', ...members] = block.split('\n');
    const key = head
      .trim()
      .replace(/:$/, '')
      .replace(/^(["'])(.*)\1$/, '$2');
    const [, name = key, version = ''] = /^\/?((?:@[^@/\s]+\/)?[^@/\s:]+)[@/]([^(]*)/.exec(key) ?? [];
    const said = [
      head.replace(/\(.*/, ''),
      ...members.filter((line) => /^ {4}(?:resolution|version|name):/.test(line)),
    ];
    const origin = pnpmOrigin(name, version, members);
    return [{ name, text: said.join('\n'), isFirst: true, origin }, ...resolvedBy(members)];
  }),
  ...blocksOf(sectionOf(text, 'snapshots'), 2).flatMap((block) => resolvedBy(block.split('\n'))),
  ...blocksOf(sectionOf(text, 'importers'), 6).flatMap((block) => {
    const [, name] = /^ *["']?([^\s"':]+)["']?:/.exec(block) ?? [];
    const [, version] = /^ *version: ([^(\n]+)/m.exec(block) ?? [];
    return name === undefined || version === undefined ? [] : [resolvedTo(name, version, true)];
  }),
];

/** Lines `name: version` below one of the headings of dependencies. */
const resolvedBy = (lines: readonly string[]): Entry[] => {
  let isListed = false;
  return lines.flatMap((line) => {
    const [, heading] = /^ {4}(\S.*?):/.exec(line) ?? [];
    if (heading !== undefined) isListed = /^(?:optionalD|d)ependencies$/.test(heading);
    const [, name, version] = /^ {6}["']?([^\s"':]+)["']?: ["']?([^("'\n]+)/.exec(line) ?? [];
    return isListed && name !== undefined && version !== undefined
      ? [resolvedTo(name, version.trim(), false)]
      : [];
  });
};

/** A version, another package in its place (`left@1.0.0`), or a member of the workspace. */
const resolvedTo = (name: string, version: string, isFirst: boolean): Entry => {
  const text = `version: ${version}`;
  if (version.startsWith('link:')) return { name, text, isFirst: false, origin: MEMBER };
  const [, other = name, number = ''] = /^(?:\/?((?:@[^@/]+\/)?[^@/]+)[@/])?([^@/]*)$/.exec(version) ?? [];
  const isKnown = isVersion(number.trim());
  const origin: Origin = isKnown ? { kind: 'registry', package: other, bases: [] } : ELSEWHERE;
  return { name, text, isFirst, origin };
};

const RESOLUTION = /^ {4}resolution: \{integrity: ([^\s,}]+)(?:, tarball: ([^\s,}]+))?\}\s*$/;

const pnpmOrigin = (name: string, version: string, members: readonly string[]): Origin => {
  const resolutions = members.filter((line) => /^ *["']?resolution\b/.test(line));
  const [, integrity, tarball] = RESOLUTION.exec(resolutions[0] ?? '') ?? [];
  if (resolutions.length !== 1 || integrity === undefined || !isVersion(version.split('_')[0] ?? ''))
    return ELSEWHERE;
  if (tarball !== undefined) return archived(name, tarball, isIntegrity(integrity));
  return isIntegrity(integrity)
    ? { kind: 'registry', package: name, bases: [] }
    : unknown('it does not fix its content (no integrity)');
};

const sectionOf = (text: string, name: string): string =>
  text.split(/\n(?=\S)/).find((one) => one.startsWith(`${name}:`)) ?? '';
const blocksOf = (section: string, indent: number): string[] =>
  section.split(new RegExp(`\\n(?= {${indent}}\\S)`)).slice(1);

/** `[[package]]` of Cargo, uv, Poetry and PDM; the project's own packages have no hash. */
const toml: Reader = (text) => {
  const [head = '', ...blocks] = text
    .replaceAll('\r\n', '\n')
    .split(/\n(?=\[\[package\]\])|^(?=\[\[package\]\])/);
  return [
    ...tomlTables(head),
    ...blocks.flatMap((block): Entry[] => {
      const [, name] = /^name = "([^"]+)"/m.exec(block) ?? [];
      const said = block
        .split('\n')
        .filter((line) => /^(?:version|source|checksum)\s*=|\bhash\s*[=:]|\burl\s*=/.test(line))
        .join('\n');
      const isOwn =
        !/\b(?:checksum|hash|url|source)\b/.test(said) || /(?:editable|virtual) = "\."/.test(said);
      const origin =
        name === undefined || !block.split('\n').every((line) => TOML_LINE.test(line))
          ? UNREAD
          : tomlOrigin(name, block, isOwn);
      const entry = {
        name: name ?? 'a package',
        text: isOwn ? '' : said,
        isFirst: !isOwn,
        origin,
        whole: block,
      };
      return [entry, ...tomlTables(block)];
    }),
  ];
};

const UNREAD = unknown('it has a form that is not known');
/** A table, a key, or a line of a list; no text over several lines. */
const TOML_LINE =
  /^(?!.*(?:"""|'''))(?:[\w-]+ = .*|"[^"\\]*" = .*|\[\[?[\w.-]+(?:"[^"\\]*")?\]\]?|[ \t]+\S.*|[\]}],?|#.*|[ \t]*)$/;

/** Other spellings of a table of packages. */
const tomlTables = (block: string): Entry[] =>
  block.split('\n').flatMap((line) => {
    const isOther =
      /^\s*(?:\[\s*)*["']?package["']?\s*(?:=|\]|\.)/.test(line) &&
      !/^\[\[?package(?:\]\]$|\.[\w.-]+\]\]?$)/.test(line);
    return isOther ? [{ name: 'a package', text: line, isFirst: false, origin: UNREAD }] : [];
  });

const tomlOrigin = (name: string, block: string, isOwn: boolean): Origin => {
  if (isOwn || /^source = \{ (?:editable|virtual) = "[\w./-]+" \}$/m.test(block)) return MEMBER;
  const sources = [...block.matchAll(/^source = (.*)$/gm)].map(([, one = '']) => one);
  const [, table] = /^\[package\.source\]\n((?:.+\n)*)/m.exec(block) ?? [];
  const source = sources[0] ?? '';
  const [
    ,
    registry = /^type = "legacy"$/m.test(table ?? '')
      ? /^url = "([^"]+)"$/m.exec(table ?? '')?.[1]
      : undefined,
  ] = /^(?:\{ registry = )?"([^"]+)"(?: \})?$/.exec(source) ?? [];
  const isNamed = sources.length + (table === undefined ? 0 : 1) > 0;
  if (sources.length > 1 || (isNamed && registry === undefined) || TOML_ELSEWHERE.test(block))
    return ELSEWHERE;
  if (!/\b(?:checksum|hash) ?= ?"\w[^"]*"/.test(block))
    return unknown('it does not fix its content (no hash)');
  const archives = [...block.matchAll(/\burl = "([^"]*)"/g)].map(([, one = '']) => one);
  const places = archives.filter((one) => one !== registry).map((one) => archiveHost(name, one));
  const [place] = places;
  if (places.some((one) => one === undefined || one !== place)) return ELSEWHERE;
  const bases = [registry, place].filter((one) => one !== undefined);
  return { kind: 'registry', package: name, bases };
};
const TOML_ELSEWHERE =
  /^(?:path|git|url|directory|editable|develop) = |[{,] ?(?:path|git|directory|editable) = /m;

/** Where a file of this package of Python lies. */
const archiveHost = (name: string, address: string): string | undefined => {
  const url = URL.parse(address);
  if (url?.protocol !== 'https:' || url.username + url.password !== '') return undefined;
  const plain = (text: string): string => text.toLowerCase().replace(/[-_.]+/g, '-');
  return plain(nameOf(url.pathname)).startsWith(`${plain(name)}-`) ? url.origin : undefined;
};

/** Bun, Mix, Gradle and Bundler: one package per line. Bundler's sources are lines, too. */
const lines: Reader = (text) =>
  text.split('\n').flatMap((line) => {
    const [, place] = /^ {2}remote: (\S+)/.exec(line) ?? [];
    if (place !== undefined)
      return [{ name: 'remote', text: place.includes('://') ? place : `path = ${place}`, isFirst: true }];
    const [, quoted, gradle, gem] =
      /^(?:\s{2,4}"([^"]+)": [[{]|([\w.-]+:[\w.-]+):[\w.+-]+=| {4}([\w.-]+) \()/.exec(line) ?? [];
    const name = quoted ?? gradle ?? gem;
    return name === undefined ? [] : [{ name, text: line.trim().replace(/=.*/, ''), isFirst: true }];
  });

/** Pub: keys indented by two spaces. */
const pub: Reader = (text) =>
  text.split(/\n(?= {2}\S)/).flatMap((block) => {
    const [, name] = /^ {2}(\w+):/.exec(block) ?? [];
    return name === undefined ? [] : [{ name, text: block, isFirst: true }];
  });

const SAID = [
  ...['version', 'resolved', 'contentHash', 'integrity', 'hashes', 'index', 'state', 'location', 'source'],
  ...['dist', 'path', 'git', 'ref', 'file', 'editable'],
] as const;
/** Deeper packages are ignored. */
const MAX_DEPTH = 6;

/** Composer, Pipenv, Deno, NuGet and Swift: objects with a version, keyed by name. */
const json: Reader = (text) => {
  try {
    return packagesBelow('', JSON.parse(text), MAX_DEPTH);
  } catch {
    return undefined;
  }
};

const packagesBelow = (key: string, value: unknown, depth: number): Entry[] => {
  if (typeof value !== 'object' || value === null || depth === 0) return [];
  const found = value as Record<string, unknown>;
  const said = SAID.filter((field) => found[field] !== undefined);
  const isPackage = said.some((field) => field !== 'source' && field !== 'dist');
  const { name = found.identity ?? key.replace(/(.)@.*/, '$1') } = found;
  if (isPackage && key !== '')
    return [
      {
        name: String(name),
        text: JSON.stringify(Object.fromEntries(said.map((field) => [field, found[field]]))),
        isFirst: true,
      },
    ];
  return Object.entries(found).flatMap(([one, below]) => packagesBelow(one, below, depth - 1));
};

const READERS: readonly (readonly [RegExp, Reader])[] = [
  [/^(?:package-lock|npm-shrinkwrap)\.json$/, npm],
  [/^yarn\.lock$/, yarn],
  [/^pnpm-lock\.yaml$/, pnpm],
  [/^(?:Cargo|uv|poetry|pdm)\.lock$/, toml],
  [/^(?:Gemfile|bun|mix|gems)\.(?:lock|locked)$|^gradle\.lockfile$/, lines],
  [/^pubspec\.lock$/, pub],
  [/^(?:composer|Pipfile|deno)\.lock$|^packages\.lock\.json$|^Package\.resolved$/, json],
];

export const lockReaderOf = (path: string): Reader | undefined =>
  READERS.find(([name]) => name.test(nameOf(path)))?.[1];
