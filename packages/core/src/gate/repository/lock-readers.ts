/** Reads what the lock files of the usual installers record for each package. */
import { nameOf } from './path-index.ts';

export interface Entry {
  readonly name: string;
  /** What the file records about source and identity. */
  readonly text: string;
  /** Whether it is the one resolved under its name, rather than only for another package. */
  readonly isFirst: boolean;
  /** Names of the programs it provides, if the file records them. */
  readonly programs?: readonly string[];
}

type Reader = (text: string) => readonly Entry[] | undefined;

const npm: Reader = (text) => {
  try {
    const { packages, dependencies } = JSON.parse(text) as Record<string, Record<string, object> | undefined>;
    return Object.entries(packages ?? dependencies ?? {}).flatMap(([path, entry]) => {
      const at = path.lastIndexOf(INSTALLED);
      if (packages !== undefined && at < 0) return [];
      const { version, resolved, integrity, name, link, bin } = entry as Record<string, unknown>;
      const said = JSON.stringify({ version, resolved, integrity, name, link }).replaceAll('":', '": ');
      const programs = typeof bin === 'object' && bin !== null ? Object.keys(bin) : [];
      const own = at < 0 ? path : path.slice(at + INSTALLED.length);
      return [{ name: own, text: said, isFirst: at <= 0, programs }];
    });
  } catch {
    return undefined;
  }
};
const INSTALLED = 'node_modules/';

/** Blocks below an unindented line: `"a@^1", a@^2:`. */
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

/**
 * Keys indented by two spaces below `packages:`, and by six below `importers:`. Peer suffixes are ignored.
 */
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
