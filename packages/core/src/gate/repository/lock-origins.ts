/**
 * Where the package of a lock file's entry comes from, if the entry has a form that is known. Installers read
 * more forms than anybody lists, so an entry with anything else counts as unknown.
 */
import { isKnownSpec, isPackageName, isVersion } from './package-specs.ts';

export type Origin =
  /** An archive of this package, whose content is fixed; `bases` are the places that the entry names. */
  | { readonly kind: 'registry'; readonly package: string; readonly bases: readonly string[] }
  /** A part of the repository itself. */
  | { readonly kind: 'member' }
  | Unknown;

interface Unknown {
  readonly kind: 'unknown';
  readonly detail: string;
}

export const unknown = (detail: string): Unknown => ({ kind: 'unknown', detail });
export const ELSEWHERE = unknown('it comes from somewhere else than a registry that is known');
export const MEMBER: Origin = { kind: 'member' };

/** Registries of the installers' own settings. */
export const REGISTRY_BASES: readonly string[] = [
  'https://registry.npmjs.org',
  'https://registry.yarnpkg.com',
  'registry+https://github.com/rust-lang/crates.io-index',
  'sparse+https://index.crates.io/',
  'https://pypi.org/simple',
  'https://files.pythonhosted.org',
];

const INTEGRITY = /^sha(?:1|256|384|512)-\S+$/;
export const isIntegrity = (value: unknown): boolean =>
  typeof value === 'string' && value.split(' ').every((one) => INTEGRITY.test(one));

interface Archive {
  readonly base: string;
  readonly package: string;
}

/** The address of an archive as the npm registry forms it: `<base>/<package>/-/<file>`. */
const archiveAt = (address: string): Archive | undefined => {
  const url = URL.parse(address);
  if (url === null || url.protocol !== 'https:' || url.username + url.password + url.search !== '')
    return undefined;
  const [path, file, ...more] = url.pathname.split('/-/');
  if (path === undefined || file === undefined || more.length > 0 || /%(?!2f)|\\/i.test(path))
    return undefined;
  const match = /^(.*?)\/((?:@[^/]+\/)?[^/@]+)$/.exec(path.replace(/%2f/gi, '/'));
  const [, prefix, name] = match ?? [];
  return prefix === undefined || name === undefined
    ? undefined
    : { base: url.origin + prefix, package: name };
};

const RELATIVE = /^(?!\.)[\w@.-]+(?:\/(?!\.)[\w@.-]+)*$/;
export const isFolderInside = (path: unknown): boolean =>
  typeof path === 'string' && RELATIVE.test(path) && !path.includes('node_modules');

const SPECS = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'] as const;

/** Dependencies of an npm entry that name something other than a package of the registry. */
export const oddSpecIn = (entry: Readonly<Record<string, unknown>>): string | undefined => {
  for (const field of SPECS) {
    const value = entry[field];
    if (value === undefined) continue;
    if (typeof value !== 'object' || value === null) return field;
    const odd = Object.entries(value).find(
      ([name, spec]) => !isPackageName(name) || (typeof spec === 'string' && !isKnownSpec(spec)),
    );
    if (odd !== undefined) return odd[0];
  }
  return undefined;
};

/** Fields of one package in `packages` or `dependencies` of npm's lock file. */
export const npmOrigin = (
  own: string,
  entry: Readonly<Record<string, unknown>>,
  isBundled: boolean,
): Origin => {
  const { version, resolved, integrity, name = own, link } = entry;
  if (link === true) return isFolderInside(resolved) ? MEMBER : unknown('it is a link out of the repository');
  const odd = oddSpecIn(entry);
  if (odd !== undefined) return unknown(`its dependency ${odd} is no version of a package`);
  if (!isPackageName(own)) return unknown('its name is none of a package');
  const [, alias = name, number = version] = /^npm:(.+)@([^@]+)$/.exec(String(version)) ?? [];
  if (typeof number !== 'string' || !isVersion(number)) return unknown('its version is not a number');
  return resolved === undefined && isBundled
    ? { kind: 'registry', package: String(alias), bases: [] }
    : archived(String(alias), resolved, isIntegrity(integrity));
};

/** What is fetched from this address for this package. */
export const archived = (said: string, address: unknown, isFixed: boolean): Origin => {
  if (typeof address !== 'string') return unknown('it does not say where it comes from');
  const archive = archiveAt(address);
  if (archive === undefined) return ELSEWHERE;
  if (!isFixed) return unknown('it does not fix its content (no integrity)');
  const { base, package: found } = archive;
  const isSaid = found.toLowerCase() === said.toLowerCase();
  // An archive of another package stands for that one.
  return { kind: 'registry', bases: [base], package: isSaid ? said : found };
};
