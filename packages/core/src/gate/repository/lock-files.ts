/**
 * What a lock file change does to the tools that judge. Lock files exist to update and add ordinary packages,
 * so that is allowed where an entry has a form that is known: an archive of the package at a registry that the
 * target uses, with its content fixed. Anything else is not, nor is a tool in another version, nor a program in
 * the place of another.
 */
import { ELSEWHERE, REGISTRY_BASES } from './lock-origins.ts';
import { type Entry, lockReaderOf, UNNAMED } from './lock-readers.ts';
import { isFramework, isSystemProgram, isTool } from './tools.ts';

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
  const [ours, theirs] = [was === NO_LOCKS ? [] : read?.(was), read?.(is)];
  if (ours === undefined || theirs === undefined) return undefined;
  const registries = registriesOf(was, ours);
  const known = grouped(ours);
  const now = grouped(theirs);
  const providers = Map.groupBy(
    ours.flatMap(({ name, programs = [] }) => programs.map((program) => ({ name, program }))),
    ({ program }) => program,
  );
  const found = [...now].flatMap(([name, entries]): LockChange[] => {
    const before = known.get(name) ?? [];
    const old = new Set(before.map(wholeOf));
    const fresh = entries.filter((entry) => !old.has(wholeOf(entry)));
    const odd = fresh.flatMap((entry) => oddIn(entry, { before, isJudge: judges(name), registries }))[0];
    if (odd !== undefined) return [{ name, detail: odd }];
    const replaces = (one: string): boolean =>
      judges(one) ||
      isSystemProgram(one) ||
      one === UNNAMED ||
      (providers.get(one) ?? []).some((other) => other.name !== name);
    const taken = broughtBy(fresh).find(
      (one) => one !== name && replaces(one) && !broughtBy(before).includes(one),
    );
    return taken === undefined ? [] : [{ name, detail: `it brings a program ${taken}` }];
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

/** Stands for the text where there is no lock file yet. */
export const NO_LOCKS = '';
const NO_PROGRAMS: ReadonlySet<string> = new Set();
const broughtBy = (entries: readonly Entry[]): string[] => entries.flatMap(({ programs }) => programs ?? []);

const textsOf = (entries: readonly Entry[]): ReadonlySet<string> => new Set(entries.map(({ text }) => text));
const wholeOf = ({ text, whole = text }: Entry): string => whole;

const grouped = (entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> =>
  Map.groupBy(entries, ({ name }) => name);

/** What the target's lock file takes packages from, and what installers do by themselves. */
interface Registries {
  readonly bases: ReadonlySet<string>;
  /** For formats without known forms. */
  readonly hosts: ReadonlySet<string>;
}

const registriesOf = (text: string, entries: readonly Entry[]): Registries => ({
  bases: new Set([
    ...REGISTRY_BASES,
    ...entries.flatMap(({ origin }) => (origin?.kind === 'registry' ? origin.bases : [])),
  ]),
  hosts: new Set([...HOSTS, ...hostsIn(text)]),
});

interface Known {
  readonly before: readonly Entry[];
  readonly isJudge: boolean;
  readonly registries: Registries;
}

/** Why a new or altered entry is not known to be a package of a registry under its own name. */
const oddIn = ({ name, text, origin }: Entry, { before, isJudge, registries }: Known): string[] => {
  const isNew = before.length === 0 && !isJudge;
  if (origin === undefined) return isFromRegistry(text, registries.hosts) ? [] : [ELSEWHERE.detail];
  if (origin.kind === 'unknown') return [origin.detail];
  if (origin.kind === 'member') {
    // A new package of the repository's own workspace, or one that was there.
    const isMember = isNew || (!isJudge && before.some((one) => one.origin?.kind === 'member'));
    return isMember || name === 'the project itself' ? [] : [ELSEWHERE.detail];
  }
  if (origin.bases.some((base) => !registries.bases.has(base))) return [ELSEWHERE.detail];
  const isSame = before.some(
    (one) => one.origin?.kind === 'registry' && one.origin.package === origin.package,
  );
  return origin.package === name || isNew || isSame ? [] : ['another package takes its name'];
};

const HOSTS = ['pypi.org', 'files.pythonhosted.org', 'repo.packagist.org', 'rubygems.org', 'pub.dev'];

const ADDRESS = /\b[a-z][a-z+]*:\/\/([^/\s"'),]+)/gi;
const hostsIn = (text: string): string[] =>
  [...text.matchAll(ADDRESS)].map(([, host = '']) => host.toLowerCase());

const NO_REGISTRY =
  /(?:^|["'\s@:=({,])(?:file:|link:|portal:|exec:|git\+|git:|git@|ssh:|git\s*=|path\s*=|directory\s*=|editable\s*=|url\s*=\s*"(?!https))|\btarball:\s*file/i;
const isFromRegistry = (entry: string, hosts: ReadonlySet<string>): boolean =>
  !NO_REGISTRY.test(entry) && hostsIn(entry).every((host) => hosts.has(host));

const versions = (was: readonly Entry[], is: readonly Entry[]): string => {
  const of = (entries: readonly Entry[]): string =>
    [...new Set(entries.map(({ text }) => VERSION.exec(text)?.[1] ?? '?'))].slice(0, MAX_VERSIONS).join(', ');
  if (is.length === 0) return `removed, was ${of(was)}`;
  const [before, after] = [of(was), of(is)];
  return before === after ? `${before}, but not the same any more` : `${before} → ${after}`;
};
const MAX_VERSIONS = 5;
const VERSION = /\bversion"?\s*(?:[:=]\s*)?"?([\w.+-]+)|@v?(\d[\w.+-]*)/;
