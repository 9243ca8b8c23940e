/**
 * The forms of a dependency that are known to name a package of the registry. Whatever has another form may be
 * a folder, an archive, a repository or another host; installers read many spellings of each.
 */

/** A version, a range or a tag. Installers take a name that ends like an archive, or begins with `.`, for a file. */
const isRange = (spec: string): boolean =>
  /^(?!\.)[\w.^~<>=|*+\- ]*$/.test(spec) && !/\.(?:tgz|tar|tar\.gz)\s*$/i.test(spec);

const PACKAGE_NAME = /^(?:@[\w.~-]+\/)?[\w~-][\w.~-]*$/;
export const isPackageName = (name: string): boolean => PACKAGE_NAME.test(name) && !/^_?$/.test(name);

export const isVersion = (text: string): boolean => /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/.test(text);

/** The name behind `npm:`, which stands for another package. */
export const aliasIn = (spec: string): string | undefined => {
  const alias = spec.startsWith('npm:') ? spec.slice('npm:'.length) : undefined;
  if (alias === undefined || isRange(alias)) return undefined;
  const at = alias.indexOf('@', 1);
  return at < 0 ? alias : alias.slice(0, at);
};

const isAliased = (spec: string): boolean => {
  const alias = spec.slice('npm:'.length);
  const at = alias.indexOf('@', 1);
  const [name, range] = at < 0 ? [alias, ''] : [alias.slice(0, at), alias.slice(at + 1)];
  return isRange(alias) || (isPackageName(name) && isRange(range));
};

/** What the registry provides, a member of the same workspace, or an entry of pnpm's catalogs. */
export const isKnownSpec = (spec: unknown): boolean =>
  typeof spec === 'string' &&
  (isRange(spec) ||
    (spec.startsWith('npm:') && isAliased(spec)) ||
    (/^(?:workspace|catalog):/.test(spec) && isRange(spec.slice(spec.indexOf(':') + 1))));
