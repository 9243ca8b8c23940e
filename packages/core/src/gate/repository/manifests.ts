/**
 * What of a package.json judges: its scripts, as far as a gate reaches them, and the configuration of tools that it
 * holds. What it says about the product (its dependencies, what it exports) is what is judged.
 */
import { parseWithin } from '@berth/plugin-api';
import { z } from 'zod';
import { matchesGlob } from './glob.ts';

const Scripts = z.record(z.string(), z.string());
export type Manifest = Readonly<Record<string, unknown>>;

/** Fields that say what the package is. All others say how it is checked, or may. */
const ABOUT_THE_PRODUCT = [
  ...[
    'name',
    'version',
    'description',
    'keywords',
    'author',
    'contributors',
    'license',
    'repository',
    'bugs',
  ],
  ...[
    'homepage',
    'funding',
    'private',
    'main',
    'module',
    'browser',
    'types',
    'typings',
    'exports',
    'imports',
  ],
  ...['bin', 'files', 'man', 'type', 'engines', 'sideEffects', 'publishConfig', 'os', 'cpu'],
  ...['dependencies', 'devDependencies', 'peerDependencies', 'peerDependenciesMeta', 'optionalDependencies'],
  ...['bundleDependencies', 'bundledDependencies'],
] as const;

export const isManifest = (path: string): boolean => /(^|\/)package\.json$/.test(path);

export const manifestOf = (text: string | undefined): Manifest | undefined => {
  try {
    const value: unknown = parseWithin(text ?? '');
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Manifest) : undefined;
  } catch {
    return undefined;
  }
};

export const scriptsIn = (text: string | undefined): Readonly<Record<string, string>> => {
  const scripts = Scripts.safeParse(manifestOf(text)?.scripts);
  return scripts.success ? scripts.data : {};
};

/** The manifest of the change, judging by what that of the target says. One that cannot be read gives way to the target's. */
export const judgingManifest = (target: string, change: string): string => {
  const [ours, theirs] = [manifestOf(target), manifestOf(change)];
  if (ours === undefined || theirs === undefined) return target;
  return `${JSON.stringify({ ...productOf(theirs), ...checksOf(ours), ...redirected(ours, theirs) }, null, 2)}\n`;
};

/** Fields beside the scripts that say something else than in the target. */
export const changedFields = (target: string | undefined, change: string | undefined): string[] => {
  const { scripts: _, ...ours } = checksOf(manifestOf(target) ?? {});
  const { scripts: __, ...theirs } = checksOf(manifestOf(change) ?? {});
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [
    ...[...names].filter((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name])),
    ...Object.keys(redirected(manifestOf(target) ?? {}, manifestOf(change) ?? {})),
  ];
};

/** What leads to files by name: what was there must lead where it led. Of the target, where it does not. */
const redirected = (ours: Manifest, theirs: Manifest): Manifest =>
  Object.fromEntries(
    ['imports', 'exports', 'main'].flatMap((field) => {
      if (ours[field] === undefined) return [];
      const [was, is] = [entriesIn(ours[field]), entriesIn(theirs[field])];
      const isKept = Object.entries(was).every(
        ([name, to]) => JSON.stringify(to) === JSON.stringify(is[name]),
      );
      const isTaken = Object.keys(is).some(
        (name) =>
          !Object.hasOwn(was, name) &&
          Object.keys(was).some((one) => matchesGlob(one.replace(/\*$/, '**'), name)),
      );
      return isKept && !isTaken ? [] : [[field, ours[field]]];
    }),
  );

const entriesIn = (value: unknown): Manifest =>
  typeof value === 'object' && value !== null && Object.keys(value).every((name) => /^[.#]/.test(name))
    ? (value as Manifest)
    : { '.': value };

/** What of a manifest judges, but for its scripts, as a text. */
export const checksIn = (text: string | undefined): string => {
  const { scripts: _, ...checks } = checksOf(manifestOf(text) ?? {});
  return JSON.stringify(checks);
};

const isProduct = (field: string): boolean => (ABOUT_THE_PRODUCT as readonly string[]).includes(field);
const productOf = (manifest: Manifest): Manifest =>
  Object.fromEntries(Object.entries(manifest).filter(([field]) => isProduct(field)));
const checksOf = (manifest: Manifest): Manifest =>
  Object.fromEntries(Object.entries(manifest).filter(([field]) => !isProduct(field)));
