/**
 * Which parts of a package.json judge: its scripts, as far as the gate reaches them, and the tool
 * configuration it contains. What it says about the product (dependencies, exports) is what is judged.
 */
import { parseWithin } from '@berth/plugin-api';
import { z } from 'zod';
import { matchesGlob } from './glob.ts';

const Scripts = z.record(z.string(), z.string());
export type Manifest = Readonly<Record<string, unknown>>;

/** Fields that describe the package. All others configure its checks, or may do so. */
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

/**
 * The manifest of the change, with the judging fields of the target. If it cannot be read, the target's
 * manifest is used.
 */
export const judgingManifest = (target: string, change: string): string => {
  const [ours, theirs] = [manifestOf(target), manifestOf(change)];
  if (ours === undefined || theirs === undefined) return target;
  return `${JSON.stringify({ ...productOf(theirs), ...checksOf(ours), ...redirected(ours, theirs) }, null, 2)}\n`;
};

/** Fields other than scripts that differ from the target. */
export const changedFields = (target: string | undefined, change: string | undefined): string[] => {
  const { scripts: _, ...ours } = checksOf(manifestOf(target) ?? {});
  const { scripts: __, ...theirs } = checksOf(manifestOf(change) ?? {});
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [
    ...[...names].filter((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name])),
    ...Object.keys(redirected(manifestOf(target) ?? {}, manifestOf(change) ?? {})),
  ];
};

/**
 * Fields that resolve names to files. Existing entries must still resolve as they did; otherwise the target's
 * field is used.
 */
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

/** The judging part of a manifest without its scripts, as text. */
export const checksIn = (text: string | undefined): string => {
  const { scripts: _, ...checks } = checksOf(manifestOf(text) ?? {});
  return JSON.stringify(checks);
};

const isProduct = (field: string): boolean => (ABOUT_THE_PRODUCT as readonly string[]).includes(field);
const productOf = (manifest: Manifest): Manifest =>
  Object.fromEntries(Object.entries(manifest).filter(([field]) => isProduct(field)));
const checksOf = (manifest: Manifest): Manifest =>
  Object.fromEntries(Object.entries(manifest).filter(([field]) => !isProduct(field)));
