/**
 * Files that declare both a project's dependencies and how it is checked. Dependencies are part of what is
 * judged. What remains without the ordinary ones judges: tool settings, the tools themselves, packages from
 * outside a registry, and the registries.
 */
import { nameOf } from './path-index.ts';
import { isTool } from './tools.ts';

/**
 * The judging part of such a file, as text to compare; undefined for any other file. `programs` are those the
 * gate starts.
 */
export const judgingText = (
  path: string,
  text: string,
  programs: ReadonlySet<string> = NO_PROGRAMS,
): string | undefined => readerOf(path)?.(text, (name) => isTool(name) || programs.has(name));
const NO_PROGRAMS: ReadonlySet<string> = new Set();

export const isProjectFile = (path: string): boolean => readerOf(path) !== undefined;

type IsTool = (name: string) => boolean;
type Reader = (text: string, judges: IsTool) => string;

const readerOf = (path: string): Reader | undefined => READERS.find(([name]) => name.test(nameOf(path)))?.[1];

/** `name[extras]>=1; condition`, with hashes. */
const REQUIRED = /^([A-Za-z0-9][\w.-]*)(?:\[[\w., -]*\])?\s*/;
const TERMS = /^(?:(?:--hash=|[(<>=!~])[^/\\@;]*)?(?:;[^/\\]*)?$/;
const isOrdinaryRequirement = (text: string, judges: IsTool): boolean => {
  const line = text.trim();
  const [start, name] = REQUIRED.exec(line) ?? [];
  return start !== undefined && name !== undefined && !judges(name) && TERMS.test(line.slice(start.length));
};

/** Longer lines are not examined, so they judge. */
const MAX_LINE_CHARACTERS = 2000;

const kept = (lines: readonly string[], isOrdinary: (line: string) => boolean): string =>
  lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && (line.length > MAX_LINE_CHARACTERS || !isOrdinary(line)))
    .join('\n');

const requirementList: Reader = (text, judges) =>
  kept(
    text
      .replace(/\\\r?\n/g, ' ')
      .split(/\r?\n/)
      .map((line) => line.replace(/(?:^|\s)#.*$/, '')),
    (line) => isOrdinaryRequirement(line, judges),
  );

/** An entry of a TOML table, or a continuation line of one. */
interface Member {
  readonly table: string;
  readonly key: string;
  readonly text: string;
}

const membersOf = (text: string): Member[] => {
  const members: Member[] = [];
  let table = '';
  let open: { key: string; text: string } | undefined;
  /** Brackets not closed yet. */
  let depth = 0;
  for (const line of text.split(/\r?\n/).map((one) => one.replace(/^\s*#.*$/, '').trim())) {
    if (line === '') continue;
    if (open !== undefined) open.text += ` ${line}`;
    else {
      const [, header] = /^\[{1,2}([^[\]]{1,500})\]/.exec(line) ?? [];
      if (header !== undefined) {
        table = header.replaceAll(/["'\s]/g, '');
        members.push({ table, key: '', text: line });
        continue;
      }
      const [, key = line] = /^["']?([\w.@/-]+)["']?\s*=/.exec(line) ?? [];
      open = { key, text: line };
      depth = 0;
    }
    depth += bracketsLeftOpen(line);
    if (depth <= 0) {
      members.push({ table, ...open });
      open = undefined;
    }
  }
  return open === undefined ? members : [...members, { table, ...open }];
};

/** Ignores brackets in strings. */
const bracketsLeftOpen = (line: string): number => {
  let open = 0;
  for (let at = 0; at < line.length; at += 1) {
    const sign = line.charAt(at);
    if (sign === '"' || sign === "'") at = endOfString(line, at);
    else if ('[{'.includes(sign)) open += 1;
    else if (']}'.includes(sign)) open -= 1;
  }
  return open;
};

const endOfString = (line: string, start: number): number => {
  const quote = line.charAt(start);
  let at = start + 1;
  while (at < line.length && line.charAt(at) !== quote)
    at += quote === '"' && line.charAt(at) === '\\' ? 2 : 1;
  return at;
};

const CARGO_DEPENDENCIES = /^(?:target\..*\.)?(?:workspace\.)?((?:dev-|build-)?)dependencies(?:\.(.+))?$/;
const CARGO_ABOUT =
  /^(?:name|version|authors|description|license.*|repository|homepage|documentation|readme|keywords|categories|rust-version|publish|edition|default-run)(?:\.workspace)?$/;

const cargoManifest: Reader = (text, judges) =>
  membersOf(text)
    .filter(({ table, key, text: member }) => {
      const dependencies = CARGO_DEPENDENCIES.exec(table);
      if (dependencies !== null) {
        const [, kind, inTable] = dependencies;
        const name = inTable ?? key;
        if (judges(name)) return true;
        // A folder is a part of the product, unless only its tests or its build have it.
        const isElsewhere = /\b(?:git|registry|registry-index)\s*=/.test(member);
        return isElsewhere || (kind !== '' && /\b(?:path|package)\s*=/.test(member));
      }
      if (/^(?:workspace\.)?package$/.test(table)) return key !== '' && !CARGO_ABOUT.test(key);
      if (table === 'workspace') return key !== '' && key !== 'members';
      return table !== 'features' || key === 'default';
    })
    .map(({ table, text: member }) => `${table} ${member}`)
    .join('\n');

const PYTHON_ABOUT =
  /^(?:name|version|description|readme|requires-python|license.*|authors|maintainers|keywords|classifiers|urls|dynamic|homepage|repository|documentation|packages|python)$/;
const PYTHON_DEPENDENCIES =
  /^(?:project\.optional-dependencies|dependency-groups|tool\.poetry\.(?:dev-)?dependencies|tool\.poetry\.group\..*dependencies|tool\.pdm\.dev-dependencies)$/;
const QUOTED = /"([^"]*)"|'([^']*)'/g;

const pythonProject: Reader = (text, judges) =>
  membersOf(text)
    .flatMap(({ table, key, text: member }) => {
      const isList =
        table === 'project' ? /^(?:optional-)?dependencies$/.test(key) : key === 'dev-dependencies';
      if (isList || PYTHON_DEPENDENCIES.test(table)) return dependenciesThatJudge(key, member, judges);
      const isAbout = /^(?:project|tool\.poetry)$/.test(table) && (key === '' || PYTHON_ABOUT.test(key));
      return isAbout || table === 'project.urls' ? [] : [`${table} ${member}`];
    })
    .join('\n');

/** Entries of a requirements list, or of Poetry's `name = "version"`. */
const dependenciesThatJudge = (key: string, member: string, judges: IsTool): string[] => {
  if (key === '') return [];
  const value = member.slice(member.indexOf('=') + 1).trim();
  if (value.startsWith('['))
    return [...value.matchAll(QUOTED)]
      .map(([, one, other]) => one ?? other ?? '')
      .filter((one) => !isOrdinaryRequirement(one, judges));
  return judges(key) || /\b(?:path|git|url|source)\s*=/.test(value) ? [member] : [];
};

const GO_ORDINARY = /^(?:require\s+)?([\w-]+\.[\w.-]+(?:\/\S*)?)\s+v\S+(?:\s*\/\/ indirect)?$/;
const goModule: Reader = (text, judges) =>
  kept(text.split(/\r?\n/), (line) => {
    if (/^(?:\/\/|module\s|go\s|require\s*\(|\)|exclude\s*\()/.test(line)) return true;
    const [, name] = GO_ORDINARY.exec(line) ?? [];
    return name !== undefined && !judges(name);
  });

/** Requirements as strings, one per line, in setup.py; unquoted in setup.cfg. */
const pythonSetup: Reader = (text, judges) =>
  kept(text.split(/\r?\n/), (line) => {
    const [, quoted] = /^["']([^"']+)["'],?$/.exec(line) ?? [];
    if (quoted !== undefined) return isOrdinaryRequirement(quoted, judges);
    return /^version\s*=/.test(line) || (/[<>=~]=?\s*\d/.test(line) && isOrdinaryRequirement(line, judges));
  });

const GRADLE_DEPENDENCY =
  /^(?:\w*(?:[iI]mplementation|[aA]pi|[cC]ompileOnly|[rR]untimeOnly|kapt|ksp|annotationProcessor))\b\s*(?:\(\s*)?(?:platform\()?["']([^"']+)["']\)*$/;
const gradleBuild: Reader = (text, judges) =>
  kept(text.split(/\r?\n/), (line) => {
    const [, name] = GRADLE_DEPENDENCY.exec(line) ?? [];
    return (name !== undefined && !judges(name)) || /^version\s*(?:=\s*)?["'][^"']*["']$/.test(line);
  });

const mavenProject: Reader = (text, judges) =>
  replaceBlocks(text, ['<dependency>', '</dependency>'], (block) => {
    const names = [...block.matchAll(/<(?:groupId|artifactId)>\s*([^<\s]+)/g)].map(([, name = '']) => name);
    return names.some(judges) || block.includes('systemPath') ? block : '';
  })
    .replace(/\s+/g, ' ')
    .replaceAll('> <', '><');

const gemList: Reader = (text, judges) =>
  kept(text.split(/\r?\n/), (line) => {
    const [, name] = /^gem\s*(?:\(\s*)?["']([^"']+)["'](?!.*\b(?:path|git|github|source)\b)/.exec(line) ?? [];
    return line.startsWith('#') || (name !== undefined && !judges(name));
  });

const ABOUT_COMPOSER = [
  'name',
  'description',
  'version',
  'keywords',
  'homepage',
  'license',
  'authors',
  'support',
];
const composerManifest: Reader = (text, judges) => {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    for (const field of ABOUT_COMPOSER) delete value[field];
    for (const field of ['require', 'require-dev']) {
      const names = Object.entries((value[field] ?? {}) as object);
      value[field] = names.filter(([name]) => judges(name));
    }
    return JSON.stringify(value);
  } catch (error) {
    return `${String(error)} in ${text}`;
  }
};

/** A .NET package reference, on one or more lines. */
const dotnetProject: Reader = (text, judges) =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => {
      const [, name] = /^<Package(?:Reference|Version) Include="([^"]+)"[^>]*\/>$/.exec(line) ?? [];
      return line !== '' && (name === undefined || judges(name));
    })
    .join('\n');

/**
 * A dependency on a line of its own: Mix's `{:name, "~> 1.0"}`, or
 * Swift's `.package(url: "https://…/name", from: "1.0")`.
 */
const dependencyLines: Reader = (text, judges) =>
  kept(text.split(/\r?\n/), (line) => {
    const [, mix, swift] =
      /^(?:\{:(\w+), *"[^"]*"\},?|\.package\(url: *"https:\/\/[^"]*\/([^"/]+?)(?:\.git)?", *from: *"[^"]*"\),?)$/.exec(
        line,
      ) ?? [];
    const name = mix ?? swift;
    return (
      /^(?:#|\/\/)/.test(line) || (name !== undefined && !judges(name)) || /^version: *"[^"]*",?$/.test(line)
    );
  });

const CATALOG_LINE = /^([\w.-]+)\s*=\s*(?:"[^"]*"|\{[^}]*\})$/;
/** Gradle: versions, and libraries under aliases. */
const versionCatalog: Reader = (text, judges) =>
  kept(text.split(/\r?\n/), (line) => {
    const [, name] = CATALOG_LINE.exec(line) ?? [];
    return line.startsWith('#') || (name !== undefined && ![name, ...line.split(/[":\s]+/)].some(judges));
  });

const READERS: readonly (readonly [RegExp, Reader])[] = [
  [/^(?=.*(?:requirements|constraints)).*\.(?:txt|in)$/, requirementList],
  [/^pyproject\.toml$/, pythonProject],
  [/^Pipfile$/, pythonSetup],
  [/^setup\.(?:cfg|py)$/, pythonSetup],
  [/^Cargo\.toml$/, cargoManifest],
  [/^go\.mod$/, goModule],
  [/^build\.gradle(?:\.kts)?$/, gradleBuild],
  [/^pom\.xml$/, mavenProject],
  [/^Gemfile$/, gemList],
  [/^composer\.json$/, composerManifest],
  [/\.(?:cs|fs|vb)proj$|^Directory\.Packages\.props$/, dotnetProject],
  [/^(?:mix\.exs|Package\.swift)$/, dependencyLines],
  [/\.versions\.toml$/, versionCatalog],
];

/**
 * Replaces each block, from an opening sign to the next closing one, with the result of a function. An
 * unclosed block is left alone, and its end is searched for only once.
 */
export const replaceBlocks = (
  text: string,
  [open, close]: readonly [string, string],
  made: (block: string) => string,
): string => {
  const parts: string[] = [];
  let from = 0;
  for (let start = text.indexOf(open); start >= 0; start = text.indexOf(open, from)) {
    const end = text.indexOf(close, start + open.length);
    if (end < 0) break;
    parts.push(text.slice(from, start), made(text.slice(start, end + close.length)));
    from = end + close.length;
  }
  return [...parts, text.slice(from)].join('');
};
